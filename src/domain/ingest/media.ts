import { filetypemime } from 'magic-bytes.js';
import { sha256 } from '../content';
import type { DataSet } from '../dataset';
import { pointerOf, valueAt, withValueAt, type Json } from '../json';
import type { RecordError } from './validation';

/** A media field's content, on its way to a blob. */
export interface Media {
  /** of the blob: the data set and the content's hash */
  readonly name: string;
  readonly content: Buffer;
  readonly contentType: string;
}

/** The parameter-less form of RFC 2397. */
const DATA_URL = /^data:([A-Za-z0-9.+-]+\/[A-Za-z0-9.+-]+);base64,/;

/** Longest beginning of a text that can be that of a data URL. */
const DATA_URL_CHARS = 200;

/** Types that are told by their first bytes. Others are believed. */
const RECOGNISED: ReadonlySet<string> = new Set([
  'image/jpeg',
  'image/png',
  'image/gif',
  'image/webp',
  'image/bmp',
  'image/tiff',
  'application/pdf',
]);

/** More than any of the signatures needs. */
const SIGNATURE_BYTES = 64;

/**
 * Takes the media fields out of a record and leaves references in their place (claim check: base64 is too large for
 * an event or a document). Stores nothing.
 */
export function takeMedia(
  record: Json,
  dataset: DataSet,
): { readonly record: Json; readonly media: readonly Media[]; readonly errors: readonly RecordError[] } {
  let claimed = record;
  const media: Media[] = [];
  const errors: RecordError[] = [];
  for (const { path, contentType } of dataset.media) {
    const value = valueAt(record, path);
    if (value === undefined || value === null) continue;
    const content = contentOf(value, contentType);
    if (typeof content === 'string') {
      errors.push({ pointer: pointerOf(path), keyword: 'media', message: content });
      continue;
    }
    const hash = sha256(content);
    const name = `${dataset.name}/${hash}`;
    media.push({ name, content, contentType });
    claimed = withValueAt(claimed, path, {
      path: `media/${name}`,
      sha256: hash,
      bytes: content.length,
      contentType,
    });
  }
  return { record: claimed, media, errors };
}

/** The content, or what is wrong with it. */
function contentOf(value: Json, contentType: string): Buffer | string {
  if (typeof value !== 'string') return 'must be base64';
  const [prefix = '', claimed] = DATA_URL.exec(value.slice(0, DATA_URL_CHARS)) ?? [];
  if (claimed !== undefined && claimed.toLowerCase() !== contentType)
    return `must be ${contentType}; the data URL says ${claimed}`;
  const base64 = value.slice(prefix.length);
  const content = Buffer.from(base64, 'base64');
  if (!isEncodingOf(base64, content))
    return 'must be base64 (RFC 4648, section 4: with padding, without blanks)';
  if (!RECOGNISED.has(contentType)) return content;
  const types = filetypemime(content.subarray(0, SIGNATURE_BYTES));
  if (types.includes(contentType)) return content;
  const found = types[0] === undefined ? 'are of no known type' : `are ${types[0]}`;
  return `must be ${contentType}; its bytes ${found}`;
}

/**
 * Whether a text is exactly the base64 of what a decoder made of it. Decoders skip what is no base64, so that the content
 * is shorter then; but Node's also takes `-` and `_`, looks only at the lower half of wide characters (U+0141 is `A`), and
 * not at the bits that padding leaves over. To encode all of it again would be as certain, and cost more than the decoding.
 */
function isEncodingOf(base64: string, content: Buffer): boolean {
  const tail = content.length % 3 || 3;
  return (
    base64.length === Math.ceil(content.length / 3) * 4 &&
    Buffer.byteLength(base64) === base64.length &&
    !base64.includes('-') &&
    !base64.includes('_') &&
    (base64 === '' || base64.endsWith(content.toString('base64', content.length - tail)))
  );
}
