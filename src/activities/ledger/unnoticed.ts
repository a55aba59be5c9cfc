import type { RowProgress } from '../../clients/rows';
import { changedAt, datasetOf, type StoredDocument } from '../../domain/egress/document';
import { concerns, isOwedTo } from '../../domain/egress/interest';
import { rowId, rowPartition } from '../../domain/egress/row';
import { isOwed, termAt, type Subscription } from '../../domain/egress/subscription';
import type { Faults, LedgerFault } from '../../domain/ledger/faults';
import { hasHandled, type FeedLease } from '../../domain/ledger/lease';
import type { LedgerDeps } from './deps';

/** When so many are found, the search ends. */
const MAX_CANDIDATES = 1_000;

/**
 * A term begins with two writes, and the feed may bring changes between them that the sweep owes later: for so long (ms)
 * after the beginning of a term nothing is said about the changes made in it.
 */
const TERM_GRACE_MS = 60_000;

/** Writes that are further apart (seconds) are looked for in the change feed one after the other. */
const GAP_S = 60;

/** A version that a subscription seems to be owed without a row that knows of it. */
interface Candidate {
  readonly subscription: Subscription;
  readonly document: StoredDocument;
  readonly row: RowProgress | undefined;
}

/**
 * Looks for versions that a subscription is owed and that its row does not know of, although the change feed has handled
 * them. What the feed has not handled is in flight.
 */
export class Unnoticed {
  private readonly owed: readonly Subscription[];
  private readonly datasets: ReadonlySet<string>;
  private readonly found: Candidate[] = [];

  /** @param leases read before any document or row */
  constructor(
    private readonly deps: LedgerDeps,
    subscriptions: readonly Subscription[],
    private readonly leases: readonly FeedLease[],
  ) {
    // Without a lease nothing has been handled yet.
    this.owed = leases.length === 0 ? [] : subscriptions.filter(isOwed);
    this.datasets = new Set(this.owed.flatMap(({ terms }) => terms.flatMap((term) => term.datasets)));
  }

  /** Whether the documents of this data set are to be shown. */
  wants(dataset: string): boolean {
    return this.datasets.has(dataset) && this.found.length < MAX_CANDIDATES;
  }

  /** Takes a page of the documents of one partition. */
  async look(pk: string, documents: readonly StoredDocument[]): Promise<void> {
    const candidates = await candidatesAmong(this.deps, this.owed, documents);
    this.found.push(...(await handledAmong(this.deps, this.leases, pk, candidates)));
  }

  /**
   * Reads subscription and row of each once more, and names what is still so: it may have been repaired meanwhile, or
   * be owed no longer.
   */
  async name(faults: Faults): Promise<void> {
    if (this.found.length === 0) return;
    await this.deps.pause();
    const all = await this.deps.subscriptions.all();
    const present = new Map(all.map(({ subscription }) => [subscription.id, subscription]));
    for (const { subscription: before, document } of this.found) {
      const subscription = present.get(before.id);
      if (!subscription || !isOwed(subscription)) continue;
      const row = (await rowsOf(this.deps, subscription, [document])).get(document.id);
      if (isBehind(subscription, document, row)) faults.add(faultOf(subscription, document, row));
    }
  }
}

async function candidatesAmong(
  deps: LedgerDeps,
  subscriptions: readonly Subscription[],
  documents: readonly StoredDocument[],
): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const subscription of subscriptions) {
    // A first version that is not owed has no row.
    const concerned = documents.filter(
      (document) =>
        concerns(subscription, datasetOf(document)) &&
        (document._hw.version > 1 || isOwedTo(subscription, document)),
    );
    const rows = await rowsOf(deps, subscription, concerned);
    for (const document of concerned) {
      const row = rows.get(document.id);
      if (isBehind(subscription, document, row)) candidates.push({ subscription, document, row });
    }
  }
  const now = deps.now().getTime();
  return candidates.filter(({ subscription, document }) => {
    const from = termAt(subscription.terms, changedAt(document))?.from ?? 0;
    return now - from * 1000 >= TERM_GRACE_MS;
  });
}

/** The same rule as that by which the feed raises rows. */
function isBehind(
  subscription: Subscription,
  document: StoredDocument,
  row: RowProgress | undefined,
): boolean {
  if (row && row.owed >= document._hw.version) return false;
  if (isOwedTo(subscription, document)) return true;
  return row !== undefined && (row.told || row.owed > row.settled);
}

/** Rows by the id of their document. The documents are of one bucket, and so are the rows. */
async function rowsOf(
  { rows }: LedgerDeps,
  { id }: Subscription,
  documents: readonly StoredDocument[],
): Promise<Map<string, RowProgress>> {
  const [first] = documents;
  if (!first) return new Map();
  const names = new Map(documents.map((document) => [rowId(datasetOf(document), document.id), document.id]));
  const found = await rows.progress(rowPartition(id, first._hw.key), [...names.keys()]);
  return new Map(Array.from(found, ([name, row]) => [names.get(name) ?? '', row]));
}

/** Those whose last write the change feed had handled when the leases were read. */
async function handledAmong(
  { versions }: LedgerDeps,
  leases: readonly FeedLease[],
  pk: string,
  candidates: readonly Candidate[],
): Promise<Candidate[]> {
  const handled: Candidate[] = [];
  for (const part of closeTogether(candidates)) {
    const ids = new Set(part.map(({ document }) => document.id));
    const { range, lsns } = await versions.lastWrites(pk, part[0]?.document._ts ?? 0, ids);
    for (const candidate of part) {
      const lsn = lsns.get(candidate.document.id);
      // One that was written again since was handled up to that write, or is in flight now.
      if (lsn !== undefined && hasHandled(leases, range, lsn)) handled.push(candidate);
    }
  }
  return handled;
}

/** Parts of candidates, each written within a short time, so that little else is read of the change feed. */
function* closeTogether(candidates: readonly Candidate[]): Generator<Candidate[]> {
  let part: Candidate[] = [];
  let last = -Infinity;
  for (const candidate of candidates.toSorted((a, b) => a.document._ts - b.document._ts)) {
    if (part.length > 0 && candidate.document._ts - last > GAP_S) {
      yield part;
      part = [];
    }
    part.push(candidate);
    last = candidate.document._ts;
  }
  if (part.length > 0) yield part;
}

function faultOf(
  subscription: Subscription,
  document: StoredDocument,
  row: RowProgress | undefined,
): LedgerFault {
  const { key, version } = document._hw;
  const named = { dataset: datasetOf(document), key, subscription: subscription.id };
  const batchId = document._hw.maker.batchId;
  return row
    ? {
        code: 'row-behind',
        ...named,
        batchId,
        detail: `The row knows of version ${row.owed}; the document has ${version}.`,
      }
    : {
        code: 'missing-row',
        ...named,
        batchId,
        detail: `Version ${version} is owed, and there is no row for the document.`,
      };
}
