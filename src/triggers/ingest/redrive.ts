import type { HttpRequest } from '@azure/functions';
import { readBody } from '../../activities/ingest/body';
import { findChunk } from '../../activities/ingest/chunks';
import { listVerdicts, readVerdicts } from '../../activities/ingest/verdictFile';
import { sha256 } from '../../domain/content';
import type { DataSet } from '../../domain/dataset';
import { headerOf, isClosed, type Batch } from '../../domain/ingest/batch';
import type { RedriveLine } from '../../domain/ingest/framing/ndjson';
import { chunkName } from '../../domain/ingest/names';
import type { ChunkRecord } from '../../domain/ingest/split';
import type { Origin } from '../../domain/ingest/stamp';
import type { RecordVerdict, Verdict } from '../../domain/ingest/verdict';
import { isObject, type Json } from '../../domain/json';
import { Problem } from '../../domain/problem';
import { choiceParameter, type Handler } from '../http';
import type { Accept } from './acceptance';
import type { TriggerDeps } from './deps';
import { batchOf } from './getBatch';
import { bodyOf, formatOf, onInvalidOf, recordsOf, tooLarge, type Reception } from './reception';

/** Records that did not land, and may still. */
const REDRIVABLE = ['deadLettered', 'quarantined', 'notApplied'] as const satisfies readonly Verdict[];

/** At most so many faults of a body are told. */
const MAX_FAULTS = 20;

/** Which of a batch's records are wanted. */
type Choice = (verdict: RecordVerdict) => boolean;

/**
 * `POST /api/batches/{batchId}/redrive`: records of a closed batch that did not land come again, as a new batch. They are
 * those of the body, repaired, or without a body all of one verdict as they are. Each keeps its place in the order
 * of versions: what is newer has won meanwhile, and stays.
 * @throws Problem `unknown-batch`, `batch-open`, `unknown-dataset`, `nothing-to-redrive`, `invalid-redrive`, and those of
 *   posting a batch
 */
export function createRedrive(deps: TriggerDeps, accept: Accept): Handler {
  return async (request, context) => {
    const { batch } = await batchOf(request, deps);
    if (!isClosed(batch.status)) {
      throw new Problem(
        'batch-open',
        `Batch ${batch.id} is ${batch.status}. Records are re-driven when their batch is closed.`,
        { batchStatus: batch.status },
        { 'Retry-After': '5' },
      );
    }
    const dataset = deps.schemas.all.get(batch.dataset);
    if (!dataset)
      throw new Problem(
        'unknown-dataset',
        `The data set "${batch.dataset}" of the batch is no longer there.`,
      );
    return accept(request, context, dataset, () => receiveRedrive(request, deps, dataset, batch));
  };
}

async function receiveRedrive(
  request: HttpRequest,
  deps: TriggerDeps,
  dataset: DataSet,
  batch: Batch,
): Promise<Reception> {
  const { limits } = deps.config;
  const onInvalid = onInvalidOf(request);
  const verdict = choiceParameter(request, 'verdict', REDRIVABLE);
  const body = await bodyOf(request, limits.batchBytes);
  const lines =
    body.length > 0
      ? await repaired(deps, batch, itemsOf(request, body, dataset, limits.batchRecords))
      : await asTheyAre(deps, batch, verdict ?? 'deadLettered');
  if (lines.length > limits.batchRecords)
    throw tooLarge(`${lines.length} records would be re-driven.`, limits.batchRecords, 'records');
  const content = contentOf(lines, limits.batchBytes);
  const bodySha256 = sha256(content);
  return {
    dataset: dataset.name,
    schemaVersion: dataset.schemaVersion,
    format: 'redrive',
    onInvalid,
    contentHash: sha256(`redrive\n${batch.id}\n${bodySha256}\n${onInvalid}`),
    bodySha256,
    bytes: content.length,
    accepted: lines.length,
    redriveOf: batch.id,
    body: content,
  };
}

function contentOf(lines: readonly RedriveLine[], maxBytes: number): Buffer {
  const texts: string[] = [];
  let bytes = 0;
  for (const line of lines) {
    const text = JSON.stringify(line) + '\n';
    bytes += Buffer.byteLength(text);
    if (bytes > maxBytes) throw tooLarge('The records are larger than that together.', maxBytes, 'bytes');
    texts.push(text);
  }
  return Buffer.from(texts.join(''));
}

/** The body's items: what the list of a batch's records holds can be sent back as it is. */
function itemsOf(
  request: HttpRequest,
  body: Buffer,
  dataset: DataSet,
  maxRecords: number,
): Map<number, Json> {
  const items = new Map<number, Json>();
  const faults = new Faults();
  const format = formatOf(request, ['json', 'ndjson']);
  recordsOf(body, format, dataset, maxRecords).forEach(({ record: item }, position) => {
    if (!isObject(item)) return faults.add(position, 'must be an object with "index" and "record"');
    const { index, record } = item;
    if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0)
      return faults.add(position, '"index" must be the place of a record in the batch, from 0');
    if (record === undefined || !Object.hasOwn(item, 'record'))
      return faults.add(position, '"record" must be the repaired record');
    if (items.has(index)) return faults.add(position, `"index" ${index} occurs twice`);
    items.set(index, record);
  });
  faults.throwAny();
  return items;
}

async function repaired(
  deps: TriggerDeps,
  batch: Batch,
  items: ReadonlyMap<number, Json>,
): Promise<RedriveLine[]> {
  const found = await collect(deps, batch, items, ({ index }) => items.has(index));
  const faults = new Faults();
  [...items.keys()].forEach((index, position) => {
    const verdict = found.verdicts.get(index);
    if (verdict === undefined) faults.add(position, `the batch has no record ${index}`);
    else if (!isRedrivable(verdict)) faults.add(position, `record ${index} is ${verdict}: it has landed`);
  });
  faults.throwAny();
  return found.lines;
}

async function asTheyAre(deps: TriggerDeps, batch: Batch, verdict: Verdict): Promise<RedriveLine[]> {
  const { lines } = await collect(deps, batch, new Map(), (one) => one.verdict === verdict);
  if (lines.length > 0) return lines;
  throw new Problem('nothing-to-redrive', `Batch ${batch.id} has no record that is ${verdict}.`, { verdict });
}

const isRedrivable = (verdict: Verdict): boolean => REDRIVABLE.some((one) => one === verdict);

/**
 * Reads the chunks that hold wanted records, one after the other, and gives those that may be re-driven, in order. Of
 * chunks that were purged the body is read, once.
 */
async function collect(
  deps: TriggerDeps,
  batch: Batch,
  repairs: ReadonlyMap<number, Json>,
  choice: Choice,
): Promise<{ lines: RedriveLine[]; verdicts: ReadonlyMap<number, Verdict> }> {
  const header = headerOf(batch);
  const chunks = batch.chunks?.length ?? 0;
  const verdicts = new Map<number, Verdict>();
  const lines: (RedriveLine & { index: number })[] = [];
  const take = ({ index, record, origin }: Pick<ChunkRecord, 'index' | 'record' | 'origin'>): void => {
    const first: Origin = origin ?? { batchId: batch.id, index, receivedAt: batch.receivedAt };
    lines.push({ index, origin: first, record: repairs.get(index) ?? (repairs.has(index) ? null : record) });
  };
  const purged = new Set<number>();
  for (const { chunk } of await listVerdicts(deps.blobs, batch.id)) {
    const chosen = (await readVerdicts(deps.blobs, chunkName(batch.id, chunk))).filter(choice);
    for (const { index, verdict } of chosen) verdicts.set(index, verdict);
    const indexes = new Set(chosen.flatMap(({ index, verdict }) => (isRedrivable(verdict) ? [index] : [])));
    if (indexes.size === 0) continue;
    const records = await findChunk(deps, { batch: header, chunk, chunks });
    if (records) for (const one of records.filter(({ index }) => indexes.has(index))) take(one);
    else for (const index of indexes) purged.add(index);
  }
  if (purged.size > 0) {
    let index = 0;
    await readBody(deps, header, (records) => {
      for (const raw of records) {
        if (purged.has(index)) take({ ...raw, index });
        index++;
      }
      return Promise.resolve();
    });
  }
  const ordered = lines.toSorted((a, b) => a.index - b.index);
  return { lines: ordered.map(({ origin, record }) => ({ origin, record })), verdicts };
}

/** What is wrong with a re-drive's items. */
class Faults {
  private readonly errors: { item: number; message: string }[] = [];

  add(item: number, message: string): void {
    if (this.errors.length < MAX_FAULTS) this.errors.push({ item, message });
  }

  throwAny(): void {
    const [first] = this.errors;
    if (!first) return;
    throw new Problem('invalid-redrive', `Item ${first.item}: ${first.message}.`, { errors: this.errors });
  }
}
