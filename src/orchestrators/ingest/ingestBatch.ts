import type { OrchestrationContext, OrchestrationHandler, Task } from 'durable-functions';
import type { IngestActivities } from '../../activities/ingest';
import type { Closed } from '../../activities/ingest/closing';
import type { Completion } from '../../activities/ingest/completeBatch';
import type { Opened, SeenBatch } from '../../activities/ingest/openBatch';
import type { Archive } from '../../domain/ingest/batch';
import { activityCalls, type ActivityCalls } from '../activityCalls';

/**
 * A batch's way: open, and beside it archive → validate → publish → upsert → complete. Only references and counts pass through
 * here; records stay in blobs. Before
 * the upsert, records are found that newer ones elsewhere in the batch make stale.
 */
export const ingestBatch: OrchestrationHandler = function* (context: OrchestrationContext) {
  const activities = activityCalls<IngestActivities>(context);
  const progress = (stage: string, chunks: number): void => context.df.setCustomStatus({ stage, chunks });

  const seen = context.df.getInput<SeenBatch>();
  const { opened, archive } = seen.header.upload
    ? yield* openUpload(activities, seen)
    : yield* openBody(activities, seen);
  if (opened.type === 'closed') return { status: opened.status } satisfies Closed;
  if (!archive) throw new Error('A batch that was opened has an archive.');
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
    const stale = opened.repeatedKeys ? yield* activities.run('findStale', { batch: header, chunks }) : [];
    const upserts = tasks.map((task) => ({
      ...task,
      quarantined: quarantined[task.chunk] ?? 0,
      ...(stale[task.chunk] ? { stale: stale[task.chunk] } : {}),
    }));
    outcome = { type: 'applied', files: yield* activities.runAll('upsertChunk', upserts, fanOut) };
  }
  progress('completing', chunks);
  return yield* activities.run('completeBatch', { header, etag, archive, outcome });
};

type Opening = Generator<Task, { opened: Opened; archive?: Archive }, unknown>;

/** A body that lies in the inbox is split and archived at the same time. */
function* openBody(activities: ActivityCalls<IngestActivities>, seen: SeenBatch): Opening {
  const [opened, archive] = yield* activities.runBoth(
    ['openBatch', seen],
    ['archiveBatch', { batch: seen.header }],
  );
  return { opened, archive };
}

/** What an upload holds, and whether it can be archived, is known when it was read. */
function* openUpload(activities: ActivityCalls<IngestActivities>, seen: SeenBatch): Opening {
  const opened = yield* activities.run('openBatch', seen);
  if (opened.type === 'closed') return { opened };
  return { opened, archive: yield* activities.run('archiveBatch', { batch: opened.header }) };
}
