import { sha256 } from './content';
import { valueAt, type Json } from './json';

/** Buckets of a data set. Fixed when it is created: a key never moves to another partition. */
export const BUCKETS = 64;

/** Longest key, in bytes of UTF-8: it is repeated in verdict files and events. */
export const MAX_KEY_BYTES = 2048;

/** Longest item id of Cosmos DB (https://learn.microsoft.com/azure/cosmos-db/concepts-limits#per-item-limits). */
export const MAX_ID_BYTES = 1023;

/**
 * A record's key as text: a string as it is, a whole number in decimal.
 * @returns the key, or what is wrong with it
 */
export function keyOf(record: Json, path: readonly string[]): { key: string } | { fault: string } {
  const value = valueAt(record, path);
  if (value === undefined) return { fault: 'is missing' };
  if (typeof value === 'number' && Number.isSafeInteger(value)) return { key: String(value) };
  if (typeof value !== 'string') return { fault: 'must be a string or a whole number' };
  if (value === '') return { fault: 'must not be empty' };
  // A lone surrogate has no UTF-8 form, so two keys could become one id.
  if (!value.isWellFormed()) return { fault: 'must be well-formed Unicode' };
  if (Buffer.byteLength(value) > MAX_KEY_BYTES)
    return { fault: `must be at most ${MAX_KEY_BYTES} bytes long` };
  return { key: value };
}

const PLAIN = /^[A-Za-z0-9._~-]*$/;

/**
 * The item id of a key: injective, at most {@link MAX_ID_BYTES} bytes, free of the characters that Cosmos DB
 * refuses (`/ \ ? #`) and of `:`, which markers use. Other bytes become `=XX`; a key too long for that is
 * named by its hash, `=h…`, which no encoded key can begin with. Keys of one or two dots are encoded whole: as the
 * last segment of a URL they would name the container or the database.
 */
export function documentId(key: string): string {
  if (key === '.' || key === '..') return key.replaceAll('.', '=2E');
  if (PLAIN.test(key) && key.length <= MAX_ID_BYTES) return key;
  let id = '';
  for (const byte of Buffer.from(key, 'utf8')) {
    const char = String.fromCharCode(byte);
    id += PLAIN.test(char) ? char : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return id.length <= MAX_ID_BYTES ? id : `=h${sha256(key)}`;
}

/** The bucket of a key: the first four bytes of its SHA-256, so that every language can recompute it. */
export function bucketOf(key: string): number {
  return placeOf(key).bucket;
}

/**
 * The bucket of a key, and its fingerprint: 31 other bits of its SHA-256, small enough to remember those of a whole
 * batch.
 */
export function placeOf(key: string): { bucket: number; fingerprint: number } {
  const digest = sha256(key);
  const bits = (at: number): number => Number.parseInt(digest.slice(at, at + 8), 16);
  return { bucket: bits(0) % BUCKETS, fingerprint: bits(8) >>> 1 };
}

/** The partition key of a bucket's documents and markers. */
export function partitionKey(dataset: string, bucket: number): string {
  return `${dataset}:${bucket}`;
}
