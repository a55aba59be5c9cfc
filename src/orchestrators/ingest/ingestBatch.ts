import type { OrchestrationContext, OrchestrationHandler } from 'durable-functions';
import type { IngestActivities } from '../../activities/ingest';
import type { Completed } from '../../activities/ingest/completeBatch';
import { activityCalls } from '../activityCalls';

export interface IngestBatchInput {
  readonly batchId: string;
}

/**
 * A batch's way: open → archive → validate → publish → upsert → complete. Only references and counts pass through
 * here; records stay in blobs.
 */
export const ingestBatch: OrchestrationHandler = function* (context: OrchestrationContext) {
  const activities = activityCalls<IngestActivities>(context);
  const { batchId } = context.df.getInput<IngestBatchInput>();
  const progress = (stage: string, chunks: number): void => context.df.setCustomStatus({ stage, chunks });

  const opened = yield* activities.run('openBatch', { batchId });
  if (opened.type === 'closed') return { status: opened.status } satisfies Completed;
  const { header: batch, fanOut } = opened;
  const chunks = Array.from({ length: opened.chunks }, (_, chunk) => ({ batch, chunk }));

  progress('archiving', chunks.length);
  const archive = yield* activities.run('archiveBatch', { batch });

  progress('validating', chunks.length);
  const validated = yield* activities.runAll('validateChunk', chunks, fanOut);
  const quarantined = validated.map((chunk) => chunk.quarantined);
  const rejected = batch.onInvalid === 'reject' && quarantined.some((count) => count > 0);

  if (!rejected) {
    progress('publishing', chunks.length);
    yield* activities.runAll('publishChunk', chunks, fanOut);
    progress('upserting', chunks.length);
    const upserts = chunks.map((chunk, number) => ({ ...chunk, quarantined: quarantined[number] ?? 0 }));
    yield* activities.runAll('upsertChunk', upserts, fanOut);
  }
  progress('completing', chunks.length);
  return yield* activities.run('completeBatch', { batch, archive, quarantined, rejected });
};
