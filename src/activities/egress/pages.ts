import { knownRows, type Change, type StoredRow } from '../../clients/storedRow';
import type { StoredDocument } from '../../domain/egress/document';
import { matchesNow } from '../../domain/egress/interest';
import { claim, plan, type Present } from '../../domain/egress/progress';
import type { Subscription } from '../../domain/egress/subscription';
import { newToken, type Claimed } from './attempt';
import type { EgressDeps } from './deps';

/** What is added to the time-out (ms): the answer of a request that just made it has to be stored in that time. */
export const leaseMargin = (timeoutMs: number): number => Math.max(1_000, timeoutMs / 3);

type PageDeps = Pick<EgressDeps, 'deliveries' | 'documents' | 'recent' | 'egress' | 'now'>;

export interface Page {
  readonly claimed: readonly Claimed[];
  /** When something else in this partition is to be looked at, ms since the epoch; Infinity: nothing is waiting. */
  readonly nextLook: number;
}

/** What a row has to wait (ms) whose document, or whose filter, is not visible here yet. */
const STALE_PAUSE_MS = 200;

/**
 * Takes up to `most` rows of a partition that are due: reads their documents, decides on each by the filter in force,
 * settles what needs no request and notes the requests of the others, `told` included, before any is started.
 */
export async function claimPage(
  deps: PageDeps,
  subscription: Subscription,
  pk: string,
  most: number,
): Promise<Page> {
  const { deliveries, now } = deps;
  const begun = now().getTime();
  const found = await deliveries.due(pk, most);
  const due = found.filter(({ row }) => (row.due ?? Infinity) <= begun);
  const later = found.find(({ row }) => (row.due ?? 0) > begun)?.row.due ?? Infinity;
  if (due.length === 0) return { claimed: [], nextLook: later };
  const documents = await readDocuments(deps, due);
  const decided = new Map<string, Omit<Claimed, 'row' | 'etag'>>();
  let stale = false;
  const stored = await deliveries.change(knownRows(due), (row, { id }): Change => {
    decided.delete(id);
    if (!row) return undefined;
    // The sweep has seen a filter that this drain has not read yet: by the old one nothing would be taken back.
    if (row.revision > subscription.revision) {
      stale = true;
      return undefined;
    }
    const document = documents.get(id);
    const at = now().getTime();
    const next = plan(row, document && presentOf(subscription, document), at);
    if (next.type === 'rest') return { row: next.row };
    if (next.type === 'wait' || !document) {
      stale = true;
      return undefined;
    }
    const token = newToken();
    decided.set(id, { token, kind: next.kind, version: next.version, document });
    return { row: claim(row, next, token, at + deps.egress.timeoutMs + leaseMargin(deps.egress.timeoutMs)) };
  });
  const claimed = stored.flatMap((one): Claimed[] => {
    const decision = decided.get(one.row.id);
    return decision ? [{ ...decision, ...one }] : [];
  });
  if (stale) return { claimed, nextLook: begun + STALE_PAUSE_MS };
  return { claimed, nextLook: found.length === most && later === Infinity ? 0 : later };
}

function presentOf(subscription: Subscription, document: StoredDocument): Present {
  const { version, deleted } = document._hw;
  return { version, deleted, matches: matchesNow(subscription, document) };
}

/** The rows' documents, by the id of the row: those that the feed has just brought, and the others from the store. */
async function readDocuments(
  { recent, documents }: PageDeps,
  rows: readonly StoredRow[],
): Promise<Map<string, StoredDocument>> {
  const found = new Map<string, StoredDocument>();
  const missing: StoredRow[] = [];
  for (const stored of rows) {
    const { id, owed, settled, document } = stored.row;
    // What is said again, or taken back, is said of the document as it is: nobody has raised the row for that.
    const isOld = owed === settled;
    const known = isOld ? undefined : recent.get(document.pk, document.id, owed);
    if (known) found.set(id, known);
    else missing.push(stored);
  }
  if (missing.length === 0) return found;
  const { stored } = await documents.readAcross(missing.map(({ row }) => row.document));
  for (const { row } of missing) {
    const document = stored.get(row.document.pk)?.get(row.document.id);
    if (document) found.set(row.id, { ...document.envelope, _ts: document.ts });
  }
  return found;
}
