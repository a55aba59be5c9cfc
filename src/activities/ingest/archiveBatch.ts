import type { Archive, BatchHeader } from '../../domain/ingest/batch';
import { sha256 } from '../../domain/content';
import { archiveName, inboxName } from '../../domain/ingest/names';
import type { IngestDeps } from './deps';

/**
 * Copies the body as it was received to its place in the archive (bronze), never to be changed, and checks on the
 * way that it is what was accepted.
 */
export function createArchiveBatch({ blobs }: Pick<IngestDeps, 'blobs'>) {
  return async function archiveBatch({ batch }: { batch: BatchHeader }): Promise<Archive> {
    const name = archiveName(batch);
    const archive: Archive = { path: `archive/${name}`, sha256: batch.bodySha256, bytes: batch.bytes };
    const body = await blobs.read('inbox', inboxName(batch.id, batch.contentHash));
    if (!body) {
      // The inbox is swept when the batch is closed, which is after its body was archived.
      const known = await blobs.metadata('archive', name);
      if (known?.['sha256'] === batch.bodySha256) return archive;
      throw new Error(`The body of batch ${batch.id} is neither in the inbox nor in the archive.`);
    }
    if (sha256(body) !== batch.bodySha256)
      throw new Error(`The body of batch ${batch.id} is not the one that was accepted.`);
    const contentType = batch.format === 'json' ? 'application/json' : 'application/x-ndjson';
    await blobs.create('archive', name, body, {
      contentType,
      metadata: { sha256: batch.bodySha256, dataset: batch.dataset },
    });
    return archive;
  };
}
