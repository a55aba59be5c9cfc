import { knownRows, rowName, type Change } from '../../clients/storedRow';
import { changedAt, datasetOf, type StoredDocument } from '../../domain/egress/document';
import { isOwedTo, matchesNow } from '../../domain/egress/interest';
import { laneOf } from '../../domain/egress/lane';
import { replay, retry } from '../../domain/egress/progress';
import { nextPart, type RepairPosition, type RepairSlice, type RepairTask } from '../../domain/egress/repair';
import {
  newRow,
  restingRow,
  rowId,
  rowPartition,
  shardPartition,
  type DeliveryRow,
} from '../../domain/egress/row';
import { statusOf } from '../../domain/egress/status';
import { isOwed, type Subscription } from '../../domain/egress/subscription';
import { BUCKETS, partitionKey } from '../../domain/keys';
import type { EgressDeps } from './deps';

/** How long (ms) one activity goes on: what a crash repeats is not more. */
const BOX_MS = 5_000;

/** Rows or documents of one page. */
const PAGE = 200;

type RepairDeps = Pick<EgressDeps, 'subscriptions' | 'deliveries' | 'documents' | 'egress' | 'wake' | 'now'>;

interface Page {
  readonly seen: number;
  readonly marked: number;
  readonly next: RepairPosition | undefined;
}

/**
 * Goes on with a repair for a while, page by page: has rows tried again, or documents sent again. Rows are marked under
 * their ETags and sent by the drain, in the order and at the rate of everything else. May run twice: a row is then
 * marked once more, under the same name, so that its event keeps its id. Ends when the subscription is gone.
 */
export function createRepairSlice(deps: RepairDeps, { boxMs = BOX_MS, pageSize = PAGE } = {}) {
  return async function repairSlice(task: RepairTask): Promise<RepairSlice> {
    const end = deps.now().getTime() + boxMs;
    let { position, counts } = task;
    for (;;) {
      // Read for each page: its filter may change, and it may be deleted.
      const subscription = (await deps.subscriptions.read(task.subscription))?.subscription;
      if (!subscription || !isOwed(subscription)) return { counts };
      const page =
        task.repair.type === 'recover'
          ? await recoverPage(deps, task, subscription, position, pageSize)
          : await replayPage(deps, task, subscription, position, pageSize);
      counts = { seen: counts.seen + page.seen, marked: counts.marked + page.marked };
      // Another process's drain looks by itself, and the sweep starts one that has ended.
      if (page.marked > 0) deps.wake.notify(laneOf(subscription.id, deps.egress.lanes), subscription.id);
      if (!page.next) return { counts };
      position = page.next;
      if (deps.now().getTime() >= end) return { position, counts };
    }
  };
}

async function recoverPage(
  { deliveries, now }: RepairDeps,
  { repair }: RepairTask,
  subscription: Subscription,
  { part, after }: RepairPosition,
  most: number,
): Promise<Page> {
  if (repair.type !== 'recover') throw new TypeError('It is no repair of dead letters.');
  const { since } = repair;
  const pk = shardPartition(subscription.id, part);
  const selection = { status: 'deadLettered', since } as const;
  const rows = await deliveries.list(pk, selection, now().getTime(), after, most);
  const stored = await deliveries.change(knownRows(rows), (row): Change => {
    const at = now().getTime();
    // Raised since: a newer version is on its way.
    if (!row || statusOf(row, at) !== 'deadLettered' || (row.deadLetter?.at ?? '') < since) return undefined;
    const next = retry(row, at);
    return next && { row: next };
  });
  const last = rows.length < most ? undefined : rows.at(-1)?.row.id;
  const next = last === undefined ? nextPart(repair, part) : { part, after: last };
  return { seen: rows.length, marked: stored.length, next };
}

async function replayPage(
  deps: RepairDeps,
  { id, repair }: RepairTask,
  subscription: Subscription,
  { part, after }: RepairPosition,
  most: number,
): Promise<Page> {
  if (repair.type !== 'replay') throw new TypeError('It is no replay.');
  const dataset = repair.datasets[Math.floor(part / BUCKETS)] ?? '';
  const page = await deps.documents.page(partitionKey(dataset, part % BUCKETS), most, after);
  // The store's time has whole seconds, and the first one is meant as a whole.
  const from = repair.since === undefined ? -Infinity : Math.floor(Date.parse(repair.since) / 1000);
  const wanted = page.documents.filter(
    (document) => matchesNow(subscription, document) && changedAt(document) >= from,
  );
  const { continuation } = page;
  return {
    seen: page.documents.length,
    marked: await markAll(deps, subscription, id, wanted),
    next: continuation === undefined ? nextPart(repair, part) : { part, after: continuation },
  };
}

/** @returns how many rows were marked */
async function markAll(
  { deliveries, now }: RepairDeps,
  subscription: Subscription,
  name: string,
  documents: readonly StoredDocument[],
): Promise<number> {
  const keys = documents.map((document) => ({
    pk: rowPartition(subscription.id, document._hw.key),
    id: rowId(datasetOf(document), document.id),
    document,
  }));
  const rows = await deliveries.read(keys);
  const known = keys.map((key) => ({ ...key, stored: rows.get(rowName(key)) }));
  const stored = await deliveries.change(known, (row, { document }): Change => {
    if (row?.replay === name) return undefined;
    const at = now().getTime();
    return { row: replay(row ?? rowFor(subscription, document, at), name, at) };
  });
  return stored.length;
}

/**
 * The row of a document that has none. When its version is owed the feed is about to make one, and whoever comes second
 * finds the same: a row that owes nothing would hide the version from it.
 */
function rowFor(subscription: Subscription, document: StoredDocument, now: number): DeliveryRow {
  const { id, pk, _hw } = document;
  const named = { id, pk, dataset: datasetOf(document), key: _hw.key, version: _hw.version };
  return isOwedTo(subscription, document)
    ? newRow(subscription.id, named, subscription.revision, now)
    : restingRow(subscription.id, named, subscription.revision);
}
