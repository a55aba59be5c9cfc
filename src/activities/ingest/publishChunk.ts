import { bucketOf } from '../../domain/keys';
import type { RecordEvent } from '../../clients/hub';
import { chunkName } from '../../domain/ingest/names';
import type { ValidRecord } from '../../domain/ingest/validation';
import type { ChunkTask } from './chunks';
import type { IngestDeps } from './deps';
import { fromLines, lastMembers, mustExist } from './lines';

/** Sends a chunk's valid records to the hub, the log of valid records. A second execution sends the same ids again. */
export function createPublishChunk(deps: Pick<IngestDeps, 'blobs' | 'hub'>) {
  return async function publishChunk(task: ChunkTask): Promise<{ events: number; sends: number }> {
    const name = chunkName(task.batch.id, task.chunk);
    const content = mustExist(await deps.blobs.read('validated', name), `Validated chunk ${name}`);
    const records = fromLines<ValidRecord>(content);
    const { id: batchId, dataset, schemaVersion } = task.batch;
    if (records.length === 0) return { events: 0, sends: 0 };
    const bodies = lastMembers(content, 'data');
    // A group's records share their bucket.
    const buckets = new Map<number, number>();
    const events = records.map(({ index, key, group, eventTime, deleted, origin }, at): RecordEvent => {
      const bucket = buckets.get(group) ?? bucketOf(key);
      buckets.set(group, bucket);
      return {
        // A re-driven record is the one it was.
        id: origin ? `${origin.batchId}/${origin.index}` : `${batchId}/${index}`,
        bucket,
        body: bodies[at] as Buffer,
        properties: { dataset, key, schemaVersion, eventTime, deleted },
      };
    });
    return { events: events.length, sends: await deps.hub.publish(events) };
  };
}
