import type { Archive, BatchHeader, Upload } from '../../domain/ingest/batch';
import { sha256 } from '../../domain/content';
import { archiveName, inboxName, uploadName } from '../../domain/ingest/names';
import { uploadChanged } from './body';
import type { IngestDeps } from './deps';

/**
 * Copies the body as it was received to its place in the archive (bronze), never to be changed, and checks on the
 * way that it is what was accepted. An upload was copied when it was split.
 */
export function createArchiveBatch(deps: Pick<IngestDeps, 'blobs'>) {
  return async function archiveBatch({ batch }: { batch: BatchHeader }): Promise<Archive> {
    const { blobs } = deps;
    const name = archiveName(batch);
    const archive: Archive = { path: `archive/${name}`, sha256: batch.bodySha256, bytes: batch.bytes };
    if (batch.upload) {
      await archiveUpload(deps, batch, batch.upload);
      return archive;
    }
    const body = await blobs.read('inbox', inboxName(batch.id, batch.contentHash));
    if (!body) {
      // The inbox is swept when the batch is closed, which is after its body was archived.
      const known = await blobs.metadata('archive', name);
      if (known?.['sha256'] === batch.bodySha256) return archive;
      throw new Error(`The body of batch ${batch.id} is neither in the inbox nor in the archive.`);
    }
    if (sha256(body) !== batch.bodySha256)
      throw new Error(`The body of batch ${batch.id} is not the one that was accepted.`);
    await blobs.create('archive', name, body, {
      contentType: CONTENT_TYPES[batch.format],
      metadata: { sha256: batch.bodySha256, dataset: batch.dataset },
    });
    return archive;
  };
}

const CONTENT_TYPES = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  redrive: 'application/x-ndjson',
  csv: 'text/csv',
} as const;

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
    metadata: { dataset: batch.dataset },
    contentType: CONTENT_TYPES[batch.format],
    ...(encoding === undefined ? {} : { contentEncoding: encoding }),
  });
  if (outcome === 'copied' || outcome === 'exists') return;
  if (await blobs.metadata('archive', to.name)) return;
  throw uploadChanged();
}
