import type { OrchestrationContext, OrchestrationHandler } from 'durable-functions';
import type { IngestActivities } from '../../activities/ingest';
import type { Closed } from '../../activities/ingest/closing';
import type { Completion } from '../../activities/ingest/completeBatch';
import type { SeenBatch } from '../../activities/ingest/openBatch';
import { activityCalls } from '../activityCalls';

/**
 * A batch's way: open, and beside it archive → validate → publish → upsert → complete. Only references and counts pass through
 * here; records stay in blobs.
 */
export const ingestBatch: OrchestrationHandler = function* (context: OrchestrationContext) {
  const activities = activityCalls<IngestActivities>(context);
  const progress = (stage: string, chunks: number): void => context.df.setCustomStatus({ stage, chunks });

  const seen = context.df.getInput<SeenBatch>();
  const [opened, archive] = yield* activities.runBoth(
    ['openBatch', seen],
    ['archiveBatch', { batch: seen.header }],
  );
  if (opened.type === 'closed') return { status: opened.status } satisfies Closed;
  const { header, etag, chunks, fanOut } = opened;
  const tasks = Array.from({ length: chunks }, (_, chunk) => ({ batch: header, chunk, chunks }));

  progress('validating', chunks);
  const validated = yield* activities.runAll('validateChunk', tasks, fanOut);
  const quarantined = validated.map((chunk) => chunk.quarantined);
  const rejected = header.onInvalid === 'reject' && quarantined.some((count) => count > 0);

  let outcome: Completion['outcome'] = { type: 'rejected', quarantined };
  if (!rejected) {
    progress('publishing', chunks);
    yield* activities.runAll('publishChunk', tasks, fanOut);
    progress('upserting', chunks);
    const upserts = tasks.map((task) => ({ ...task, quarantined: quarantined[task.chunk] ?? 0 }));
    outcome = { type: 'applied', files: yield* activities.runAll('upsertChunk', upserts, fanOut) };
  }
  progress('completing', chunks);
  return yield* activities.run('completeBatch', { header, etag, archive, outcome });
};
