import type { Blobs } from '../../clients/blobs';
import { sha256 } from '../../domain/content';
import type { DataSet } from '../../domain/dataset';
import type { RecordError } from '../../domain/ingest/validation';
import { pointerOf, valueAt, withValueAt, type Json } from '../../domain/json';

/** One class and no group: the expression engine has no stack to run out of, however long the text is. */
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

const isBase64 = (text: string): boolean => text.length % 4 === 0 && BASE64.test(text);

/**
 * Moves a record's media fields to blobs named by their hash and leaves references in their place (claim check).
 * Content that is no base64 is an error of the record.
 */
export async function claimMedia(
  blobs: Pick<Blobs, 'create'>,
  dataset: DataSet,
  record: Json,
): Promise<{ record: Json } | { errors: readonly RecordError[] }> {
  let claimed = record;
  for (const { path, contentType } of dataset.media) {
    const value = valueAt(record, path);
    if (value === undefined || value === null) continue;
    if (typeof value !== 'string' || !isBase64(value)) {
      return { errors: [{ pointer: pointerOf(path), keyword: 'media', message: 'must be base64' }] };
    }
    const content = Buffer.from(value, 'base64');
    const hash = sha256(content);
    const name = `${dataset.name}/${hash}`;
    await blobs.create('media', name, content, { contentType });
    claimed = withValueAt(claimed, path, {
      path: `media/${name}`,
      sha256: hash,
      bytes: content.length,
      contentType,
    });
  }
  return { record: claimed };
}
