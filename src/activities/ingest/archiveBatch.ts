import { CONTENT_TYPES, type Archive, type BatchHeader, type Upload } from '../../domain/ingest/batch';
import { archiveName, inboxName, uploadName } from '../../domain/ingest/names';
import { uploadChanged } from './body';
import type { IngestDeps } from './deps';

/**
 * Copies the body as it was received to its place in the archive (bronze), never to be changed. An upload was copied
 * when it was split.
 */
export function createArchiveBatch(deps: Pick<IngestDeps, 'blobs'>) {
  return async function archiveBatch({ batch }: { batch: BatchHeader }): Promise<Archive> {
    const name = archiveName(batch);
    const archive: Archive = { path: `archive/${name}`, sha256: batch.bodySha256, bytes: batch.bytes };
    if (batch.upload) await archiveUpload(deps, batch, batch.upload);
    else await archiveBody(deps, batch, name);
    return archive;
  };
}

async function archiveBody(
  { blobs }: Pick<IngestDeps, 'blobs'>,
  batch: BatchHeader,
  name: string,
): Promise<void> {
  const { bytes, bodySha256, dataset } = batch;
  // Only the app writes there, and it names what it writes by its hash.
  const from = { container: 'inbox', name: inboxName(batch.id, batch.contentHash) } as const;
  const to = { container: 'archive', name } as const;
  const outcome = await blobs.copy(from, to, { bytes, metadata: { sha256: bodySha256, dataset } });
  if (outcome === 'copied') return;
  // Without a source it was archived before: the inbox is swept when the batch is closed, which is after that.
  const known = await blobs.metadata('archive', name);
  if (known?.['sha256'] === bodySha256) return;
  throw new Error(`The body of batch ${batch.id} is neither in the inbox nor in the archive.`);
}

/**
 * Copies an upload to the archive, once.
 * @throws {Unreadable} when it is no longer what was accepted, and was not archived before
 */
export async function archiveUpload(
  { blobs }: Pick<IngestDeps, 'blobs'>,
  batch: BatchHeader,
  { id, etag, encoding }: Upload,
): Promise<void> {
  const from = { container: 'uploads', name: uploadName(batch.dataset, id) } as const;
  const to = { container: 'archive', name: archiveName(batch) } as const;
  const outcome = await blobs.copy(from, to, {
    etag,
    bytes: batch.bytes,
    metadata: { dataset: batch.dataset },
    contentType: CONTENT_TYPES[batch.format],
    ...(encoding === undefined ? {} : { contentEncoding: encoding }),
  });
  if (outcome === 'copied' || outcome === 'exists') return;
  if (await blobs.metadata('archive', to.name)) return;
  throw uploadChanged();
}
