import { unwritable, type Json } from '../../json';
import type { Origin } from '../stamp';

/** A record as it lies in a body. */
export interface RawRecord {
  readonly record: Json;
  /** Its UTF-8 as a part of the body, where it came as JSON on one line: it need not be written again. */
  readonly json?: Buffer;
  /** 1-based line of a CSV body in which it begins. */
  readonly line?: number;
  /** Why a row is no record: `record` is its text then, and it will be quarantined. */
  readonly fault?: string;
  /** The record of an earlier batch that this one is a re-drive of. */
  readonly origin?: Origin;
}

/** Takes the records of a body, in order. What it throws ends the framing. */
export type Emit = (raw: RawRecord) => void;

/** Cuts a body that comes in pieces into records. The pieces may be cut anywhere. */
export interface Framer {
  /** @throws {MalformedBody} */
  write(piece: Buffer): void;
  /** No more comes. @throws {MalformedBody} */
  end(): void;
}

/** Why a body cannot be read: what is wrong, and where. */
export interface FramingFault {
  readonly reason: string;
  /** 1-based line of an NDJSON or CSV body */
  readonly line?: number;
  /** 0-based index of the record */
  readonly record?: number;
}

/** Ends a framing: what follows the fault cannot be read with certainty. */
export class MalformedBody extends Error {
  constructor(readonly fault: FramingFault) {
    super(fault.reason);
    this.name = 'MalformedBody';
  }

  /** What is wrong, and where, in one sentence. */
  get text(): string {
    const { line, record, reason } = this.fault;
    const where = line !== undefined ? `Line ${line}: ` : record !== undefined ? `Record ${record}: ` : '';
    return where + reason;
  }
}

/** Nesting that cannot be read without risking the stack; what lies between this and the data sets' bound is quarantined. */
export const MAX_READABLE_DEPTH = 1000;

/** Longest record as it is sent, its media included, in bytes: it has to fit into the memory several times. */
export const MAX_RAW_RECORD_BYTES = 32 * 1024 * 1024;

export const TOO_DEEP = 'It is nested too deeply.';
export const TOO_LONG = `It is longer than ${MAX_RAW_RECORD_BYTES} bytes.`;

export const BOM = '\uFEFF';

/** The value, or why it is none. */
export function parseJson(text: string, what: 'line' | 'record'): { value: Json } | { reason: string } {
  try {
    const value = JSON.parse(text) as Json;
    const reason = unwritable(value, MAX_READABLE_DEPTH);
    return reason ? { reason } : { value };
  } catch (error) {
    return { reason: `The ${what} is not a JSON value: ${(error as Error).message}` };
  }
}
