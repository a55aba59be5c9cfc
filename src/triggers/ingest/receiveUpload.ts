import type { HttpRequest } from '@azure/functions';
import { sha256 } from '../../domain/content';
import type { DataSet } from '../../domain/dataset';
import { Problem } from '../../domain/problem';
import type { TriggerDeps } from './deps';
import { findUpload } from './uploads';
import { encodingOf, formatOf, idempotencyKey, onInvalidOf, type Reception } from './reception';
import { findByKey } from './reservation';

/**
 * Reads a request that names an upload as its body: its headers say what the uploaded bytes are. They are read later,
 * so what is wrong in them closes the batch; what is uploaded anew after this is not what was accepted.
 * @throws Problem `invalid-parameter`, `unsupported-media-type`, `unknown-upload`, `empty-batch`, `upload-too-large`
 */
export async function receiveUpload(
  request: HttpRequest,
  dataset: DataSet,
  id: string,
  deps: Pick<TriggerDeps, 'batches' | 'blobs' | 'config' | 'now'>,
): Promise<Reception> {
  const onInvalid = onInvalidOf(request);
  const format = formatOf(request);
  const encoding = encodingOf(request);
  if ((await request.arrayBuffer()).byteLength > 0) {
    throw new Problem('invalid-parameter', 'A request that names an upload has no body of its own.', {
      parameter: 'upload',
    });
  }
  // Without the ETag: a request that is repeated is the same one, whatever was put since.
  const contentHash = sha256(`upload\n${id}\n${encoding ?? ''}\n${format}\n${onInvalid}`);
  const { bytes, etag } =
    (await acceptedBefore(request, dataset, contentHash, deps)) ?? (await findUpload(deps, dataset.name, id));
  return {
    dataset: dataset.name,
    schemaVersion: dataset.schemaVersion,
    format,
    onInvalid,
    contentHash,
    bodySha256: '',
    bytes,
    accepted: 0,
    upload: { id, etag, ...(encoding === undefined ? {} : { encoding }) },
  };
}

/** What this request was accepted with, when it is repeated: its upload may be gone since. */
async function acceptedBefore(
  request: HttpRequest,
  { name }: DataSet,
  contentHash: string,
  deps: Pick<TriggerDeps, 'batches' | 'config' | 'now'>,
): Promise<{ bytes: number; etag: string } | undefined> {
  const key = idempotencyKey(request);
  const known = key === undefined ? undefined : (await findByKey(deps, name, key)).known;
  if (!known?.upload || known.contentHash !== contentHash) return undefined;
  return { bytes: known.bytes, etag: known.upload.etag };
}
