import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { csvRecords } from './csv';
import { joinImages } from './join-images';
import { APP_DIR } from './paths';
import { ndjson } from './products';
import { schemaOf } from './rules';
import type { BadRecord, SampleFile } from './sample-file';
import type { VerdictCounts } from './verdicts';

/** What `data/manifest.json` says of a file, and of what becomes of it. */
export interface ManifestFile {
  /** Below `data/`. */
  readonly path: string;
  readonly dataSet: string;
  /** Of the file. */
  readonly format: SampleFile['format'];
  /** How it is posted. */
  readonly contentType: string;
  readonly contentEncoding?: 'gzip';
  readonly images?: string;
  readonly records: number;
  /** Of what is posted: with its images joined, not compressed. */
  readonly bytes: number;
  readonly sha256: string;
  /** Verdicts when the files are ingested in this order, each after the one before, on an empty store. */
  readonly expected: VerdictCounts & { readonly deadLettered: 0; readonly notApplied: 0 };
  readonly bad: readonly BadRecord[];
}

/** A store's documents; `versions` is the sum of their versions. */
export interface Totals {
  readonly liveDocuments: number;
  readonly tombstones: number;
  readonly versions: number;
}

export interface Manifest {
  readonly seed: number;
  /** In the order in which they are ingested. */
  readonly files: readonly ManifestFile[];
  /** What the store holds after all of them, by data set. */
  readonly after: Readonly<Record<string, Totals>>;
}

/** `data/manifest.json` of the project. */
export function readManifest(): Manifest {
  return JSON.parse(readFileSync(join(APP_DIR, 'data', 'manifest.json'), 'utf8')) as Manifest;
}

const CONTENT_TYPES = { ndjson: 'application/x-ndjson', json: 'application/json', csv: 'text/csv' } as const;

/** How a file is posted: what is joined with images becomes NDJSON. */
export function contentTypeOf({ format, images }: Pick<SampleFile, 'format' | 'images'>): string {
  return CONTENT_TYPES[images === undefined ? format : 'ndjson'];
}

/** What is posted of a file's text. */
export function postedText({
  dataSet,
  images,
  text,
}: Pick<SampleFile, 'dataSet' | 'images' | 'text'>): string {
  if (images === undefined) return text;
  const records = csvRecords(text, schemaOf(dataSet));
  return [...ndjson(joinImages(records, join(APP_DIR, 'data', images)))].join('');
}

/** The body with which a file of the manifest is posted, as its content type and encoding say. */
export function postedBody(file: Pick<ManifestFile, 'path' | 'dataSet' | 'images'>): Buffer {
  const bytes = readFileSync(join(APP_DIR, 'data', file.path));
  return file.images === undefined
    ? bytes
    : Buffer.from(postedText({ ...file, text: bytes.toString('utf8') }));
}

/** The text in a committed file. */
export function textOf({ path, contentEncoding }: Pick<SampleFile, 'path' | 'contentEncoding'>): string {
  const bytes = readFileSync(join(APP_DIR, 'data', path));
  return (contentEncoding === 'gzip' ? gunzipSync(bytes) : bytes).toString('utf8');
}
