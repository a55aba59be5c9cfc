import { bucketOf } from '../../domain/keys';
import type { RecordEvent } from '../../clients/hub';
import type { ChunkTask } from './chunks';
import type { IngestDeps } from './deps';
import { readValidated } from './validateChunk';

/** Sends a chunk's valid records to the hub, the log of valid records. A second execution sends the same ids again. */
export function createPublishChunk(deps: Pick<IngestDeps, 'blobs' | 'hub'>) {
  return async function publishChunk(task: ChunkTask): Promise<{ events: number; sends: number }> {
    const records = await readValidated(deps, task.batch.id, task.chunk);
    const { id: batchId, dataset, schemaVersion } = task.batch;
    if (records.length === 0) return { events: 0, sends: 0 };
    // A group's records share their bucket.
    const buckets = new Map<number, number>();
    const events = records.map(({ index, key, group, eventTime, deleted, origin, data }): RecordEvent => {
      const bucket = buckets.get(group) ?? bucketOf(key);
      buckets.set(group, bucket);
      return {
        // A re-driven record is the one it was.
        id: origin ? `${origin.batchId}/${origin.index}` : `${batchId}/${index}`,
        bucket,
        body: data,
        properties: { dataset, key, schemaVersion, eventTime, deleted },
      };
    });
    return { events: events.length, sends: await deps.hub.publish(events) };
  };
}
