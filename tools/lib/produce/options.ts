import type { Api } from '../api';
import type { FileKind } from './formats';
import type { ImageOptions } from './images';

/** What is sent. */
export type Input =
  | {
      readonly kind: 'file';
      /** A path, or `-` for standard input. */
      readonly file: string;
      readonly as: FileKind;
      readonly images?: ImageOptions;
    }
  | {
      readonly kind: 'records';
      /** What it is called in messages. */
      readonly name: string;
      /** How many there are, for the progress. */
      readonly count?: number;
      readonly records: Iterable<unknown> | AsyncIterable<unknown>;
    };

export type Mode =
  /** Batches are posted. */
  | 'post'
  /** Batches are looked at and nothing is stored. */
  | 'validate'
  /** A file goes to a blob, and becomes one batch. */
  | 'upload';

export interface ProduceOptions {
  readonly api: Api;
  readonly dataset: string;
  readonly input: Input;
  readonly mode?: Mode;
  readonly batchRecords?: number;
  /** Of a body, before it is compressed. */
  readonly batchBytes?: number;
  /** Records a second; without it as fast as it goes. */
  readonly rate?: number;
  /** Requests that post at the same time. */
  readonly connections?: number;
  /** How often a request is repeated. */
  readonly retries?: number;
  readonly gzip?: boolean;
  readonly onInvalid?: 'quarantine' | 'reject';
  /** A name that makes other idempotency keys: the same input is then sent anew. */
  readonly run?: string;
  /** Wait until the batches are closed. */
  readonly wait?: boolean;
  /** Give up waiting when no batch was closed for so long. */
  readonly waitMs?: number;
  /** So many of the records that did not land are told, at most 1,000. */
  readonly show?: number;
  /** Stops it: what is under way is answered, and nothing more is sent. */
  readonly signal?: AbortSignal;
  /** Is told now and then how far it is. */
  readonly onProgress?: (progress: ProgressReport) => void;
}

/** How far it is. */
export interface ProgressReport {
  /** Bytes of the file, or records that were made; undefined `total`: nobody knows. */
  readonly read: number;
  readonly total: number | undefined;
  /** Records of accepted (or examined) batches, and of those that are closed. */
  readonly accepted: number;
  readonly closed: number;
}

export const DEFAULTS = {
  mode: 'post',
  batchRecords: 1_000,
  batchBytes: 8 * 1024 * 1024,
  connections: 4,
  retries: 8,
  gzip: false,
  onInvalid: 'quarantine',
  run: '',
  wait: true,
  waitMs: 600_000,
  show: 10,
} as const satisfies Partial<ProduceOptions>;

/** Options with the defaults put in. */
export type Settings = ProduceOptions & Required<Pick<ProduceOptions, keyof typeof DEFAULTS>>;
