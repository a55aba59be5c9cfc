import { mapLimited } from '../../clients/once';
import type { BatchHeader, ChunkVerdicts } from '../../domain/ingest/batch';
import type { GroupOrigin, Stored } from '../../domain/ingest/decide';
import { markerId } from '../../domain/ingest/names';
import type { ValidRecord } from '../../domain/ingest/validation';
import type { GroupVerdict } from '../../domain/ingest/verdict';
import { bucketOf, documentId, partitionKey } from '../../domain/keys';
import type { ChunkTask } from './chunks';
import type { IngestDeps } from './deps';
import { readStale } from './findStale';
import { upsertGroup, type GroupTask } from './upsertGroup';
import { readValidated } from './validateChunk';
import { storeVerdicts } from './verdictFile';

/** The groups of a chunk's valid records. */
export function groupsOf(
  { batch, chunk }: ChunkTask,
  valid: readonly ValidRecord[],
  markerTtlSeconds: number,
): GroupTask[] {
  return Array.from(
    Map.groupBy(valid, ({ group }) => group),
    ([group, records]) => ({
      markerId: markerId(batch.id, chunk, group),
      records,
      origin: originOf(batch, bucketOf((records[0] as ValidRecord).key)),
      markerTtlSeconds,
    }),
  );
}

/** Groups of so many records are read each on its own: that takes as many requests then. */
const SPARSE = 25;

/** What was found of a chunk's documents before any is written. */
interface FirstLook {
  /** The groups; those that were looked at have their documents. */
  readonly groups: readonly GroupTask[];
  /** Whether none of the documents that were looked for was there. */
  readonly noneFound: boolean;
  /** RU */
  readonly requestCharge: number;
}

/**
 * Reads the documents of small groups together. A small batch has a record or two in each bucket: to read every group
 * alone would be most of its work. Where no groups are small, the first one's documents are read.
 */
async function look(
  { documents }: Pick<IngestDeps, 'documents'>,
  groups: readonly GroupTask[],
): Promise<FirstLook> {
  const sparse = groups.filter(({ records }) => records.length < SPARSE);
  if (sparse.length >= 2) {
    const keys = sparse.flatMap((group) => idsOf(group).map((id) => ({ pk: group.origin.pk, id })));
    const { stored, requestCharge } = await documents.readAcross(keys);
    const read = groups.map((group) =>
      group.records.length < SPARSE ? { ...group, stored: stored.get(group.origin.pk) ?? NOTHING } : group,
    );
    return { groups: read, noneFound: stored.size === 0, requestCharge };
  }
  const [first, ...others] = groups;
  if (!first || others.length === 0) return { groups, noneFound: false, requestCharge: 0 };
  const { stored, requestCharge } = await documents.read(first.origin.pk, idsOf(first));
  return { groups: [{ ...first, stored }, ...others], noneFound: stored.size === 0, requestCharge };
}

const idsOf = ({ records, stale }: GroupTask): string[] => [
  ...new Set(records.filter(({ index }) => !stale?.has(index)).map(({ key }) => documentId(key))),
];

const NOTHING: ReadonlyMap<string, Stored> = new Map();

const isFirst = (verdict: GroupVerdict): boolean => verdict.verdict === 'upserted' && verdict.version === 1;

/** The batch, as far as the decisions on one bucket's records depend on it. */
function originOf(batch: BatchHeader, bucket: number): GroupOrigin {
  return {
    batchId: batch.id,
    schemaVersion: batch.schemaVersion,
    receivedAt: Date.parse(batch.receivedAt),
    pk: partitionKey(batch.dataset, bucket),
  };
}

/** What the steps before have told of the chunk. */
export interface UpsertTask extends ChunkTask {
  readonly quarantined: number;
  /** How many of its records are stale because of newer ones in other groups. */
  readonly stale?: number;
}

/** Upserts a chunk, group by group, and writes its verdict file. */
export function createUpsertChunk(
  deps: Pick<IngestDeps, 'blobs' | 'documents' | 'groupConcurrency' | 'markerTtlSeconds'>,
) {
  return async function upsertChunk(task: UpsertTask): Promise<ChunkVerdicts> {
    const { batch, chunk, quarantined } = task;
    const valid = await readValidated(deps, task.batch.id, task.chunk);
    const stale = (task.stale ?? 0) > 0 ? await readStale(deps, batch.id, chunk) : undefined;
    const groups = groupsOf(task, valid, deps.markerTtlSeconds).map((group) =>
      stale ? { ...group, stale } : group,
    );
    const { requestCharge, noneFound, ...first } = await look(deps, groups);
    // Most batches bring either new keys or known ones. When all seem new, the others need not be read: that would be
    // two of three requests, and a document that is there after all is a conflict like any other.
    let allNew = noneFound;
    const results = await mapLimited(first.groups, deps.groupConcurrency, async (group) => {
      const result = await upsertGroup(deps.documents, allNew ? { stored: NOTHING, ...group } : group);
      allNew &&= result.verdicts.every(isFirst);
      return result;
    });
    results.push({ verdicts: [], requestCharge });
    return storeVerdicts(deps.blobs, { batchId: batch.id, chunk, valid, quarantined, results });
  };
}
