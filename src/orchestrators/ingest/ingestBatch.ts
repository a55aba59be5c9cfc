import type { OrchestrationContext, OrchestrationHandler } from 'durable-functions';
import type { IngestActivities } from '../../activities/ingest';
import type { Closed } from '../../activities/ingest/closing';
import type { Completion } from '../../activities/ingest/completeBatch';
import type { SeenBatch } from '../../activities/ingest/openBatch';
import type { Archive } from '../../domain/ingest/batch';
import { activityCalls } from '../activityCalls';

/**
 * A batch's way: open → land its chunks, and beside the first of them archive → complete. A chunk is validated, published
 * and upserted on its own, as no other needs it. Only where something of all chunks decides about each, all are
 * validated first: with `onInvalid=reject`, and when keys occur in several groups, of whose records the newest is to win.
 * Only references and counts pass through here; records stay in blobs.
 */
export const ingestBatch: OrchestrationHandler = function* (context: OrchestrationContext) {
  const activities = activityCalls<IngestActivities>(context);
  const progress = (stage: string, chunks: number): void => context.df.setCustomStatus({ stage, chunks });

  const opened = yield* activities.run('openBatch', context.df.getInput<SeenBatch>());
  if (opened.type === 'closed') return { status: opened.status } satisfies Closed;
  const { header, etag, chunks, fanOut, repeatedKeys } = opened;
  const tasks = Array.from({ length: chunks }, (_, chunk) => ({ batch: header, chunk, chunks }));
  const archiving = ['archiveBatch', { batch: header }] as const;
  const complete = (archive: Archive, outcome: Completion['outcome']) => {
    progress('completing', chunks);
    return activities.run('completeBatch', { header, etag, archive, outcome });
  };

  if (header.onInvalid === 'quarantine' && !repeatedKeys) {
    progress('landing', chunks);
    const [archive, files] = yield* activities.runAllBeside(archiving, 'landChunk', tasks, fanOut);
    return yield* complete(archive, { type: 'applied', files });
  }
  progress('validating', chunks);
  const [archive, validated] = yield* activities.runAllBeside(archiving, 'validateChunk', tasks, fanOut);
  const quarantined = validated.map((chunk) => chunk.quarantined);
  if (header.onInvalid === 'reject' && quarantined.some((count) => count > 0))
    return yield* complete(archive, { type: 'rejected', quarantined });
  const stale = repeatedKeys ? yield* activities.run('findStale', { batch: header, chunks }) : [];
  progress('landing', chunks);
  const landings = tasks.map((task) => ({
    ...task,
    quarantined: quarantined[task.chunk] ?? 0,
    ...(stale[task.chunk] ? { stale: stale[task.chunk] } : {}),
  }));
  const files = yield* activities.runAll('landChunk', landings, fanOut);
  return yield* complete(archive, { type: 'applied', files });
};
