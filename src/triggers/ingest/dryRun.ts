import { setImmediate as breathe } from 'node:timers/promises';
import type { HttpResponseInit } from '@azure/functions';
import { REJECTED } from '../../activities/ingest/completeBatch';
import type { DataSet } from '../../domain/dataset';
import { decide, type Stored } from '../../domain/ingest/decide';
import { validateRecord, type ValidRecord } from '../../domain/ingest/validation';
import { tally, type GroupVerdict } from '../../domain/ingest/verdict';
import { bucketOf, documentId, partitionKey } from '../../domain/keys';
import { json } from '../http';
import type { TriggerDeps } from './deps';
import { recordsOf, type Reception } from './reception';

/** The answer names so many records that would not land. */
const MAX_RECORDS = 1_000;

/** Records that are validated, and keys that are read, before others have their turn. */
const SLICE = 200;

/** A batch that will never be: no id of a batch has this form. */
const NO_BATCH = 'dry-run';

/** What would become of a record. */
type Outcome = (GroupVerdict | { readonly index: number; readonly verdict: 'quarantined' }) & {
  readonly key: string | null;
};

/**
 * Tells what would become of a batch's records if it were posted now. Validates them and reads the documents they
 * would meet; stores nothing.
 */
export async function dryRun(
  { schemas, documents, config, now }: TriggerDeps,
  dataset: DataSet,
  { body, format, onInvalid, schemaVersion, accepted }: Reception & { body: Buffer },
): Promise<HttpResponseInit> {
  const { check } = await schemas.at(dataset.name, schemaVersion);
  const receivedAt = now().getTime();
  const raws = recordsOf(body, format, dataset, config.limits.batchRecords);
  const valid: ValidRecord[] = [];
  const outcomes: Outcome[] = [];
  for (const [index, raw] of raws.entries()) {
    if (index % SLICE === SLICE - 1) await breathe();
    const result = validateRecord(raw, { index, group: 0 }, dataset, receivedAt, check);
    if ('valid' in result) {
      valid.push(result.valid);
      continue;
    }
    const { key, errors } = result;
    const line = raw.line === undefined ? {} : { line: raw.line };
    outcomes.push(Object.assign({ index, ...line, key, verdict: 'quarantined' as const }, { errors }));
  }
  const verdicts: GroupVerdict[] =
    onInvalid === 'reject' && outcomes.length > 0
      ? valid.map(({ index }) => ({ index, verdict: 'notApplied', reason: REJECTED }))
      : await decideAll(documents, dataset, valid, { schemaVersion, receivedAt });
  const keys = new Map(valid.map(({ index, key }) => [index, key]));
  outcomes.push(...verdicts.map((verdict) => ({ ...verdict, key: keys.get(verdict.index) ?? null })));
  const { deadLettered: _, ...counts } = tally(outcomes);
  const notLanding = outcomes
    .filter(({ verdict }) => verdict !== 'upserted' && verdict !== 'unchanged')
    .toSorted((a, b) => a.index - b.index);
  return json(200, {
    dataset: dataset.name,
    schemaVersion,
    accepted,
    counts,
    records: notLanding.slice(0, MAX_RECORDS),
    truncated: notLanding.length > MAX_RECORDS,
  });
}

/** The verdicts of valid records, had they all come in one group. */
async function decideAll(
  documents: TriggerDeps['documents'],
  dataset: DataSet,
  valid: readonly ValidRecord[],
  batch: { schemaVersion: string; receivedAt: number },
): Promise<GroupVerdict[]> {
  const partitions = Map.groupBy(valid, ({ key }) => partitionKey(dataset.name, bucketOf(key)));
  const wanted = Array.from(partitions, ([pk, records]) =>
    [...new Set(records.map(({ key }) => documentId(key)))].map((id) => ({ pk, id })),
  ).flat();
  const stored = new Map<string, Map<string, Stored>>();
  for (let at = 0; at < wanted.length; at += SLICE) {
    const read = await documents.readAcross(wanted.slice(at, at + SLICE));
    for (const [pk, found] of read.stored) {
      const known = stored.get(pk) ?? new Map<string, Stored>();
      for (const [id, one] of found) known.set(id, one);
      stored.set(pk, known);
    }
  }
  return Array.from(partitions, ([pk, records]) => {
    const origin = { batchId: NO_BATCH, pk, ...batch };
    return decide(records, stored.get(pk) ?? new Map<string, Stored>(), origin).verdicts;
  }).flat();
}
