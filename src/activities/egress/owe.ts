import { rowName, type Change, type RowKey } from '../../clients/storedRow';
import { datasetOf, type StoredDocument } from '../../domain/egress/document';
import { concerns, isOwedTo } from '../../domain/egress/interest';
import { isPending, raise } from '../../domain/egress/progress';
import { newRow, rowId, rowPartition, type DeliveryRow } from '../../domain/egress/row';
import { isOwed, type Subscription } from '../../domain/egress/subscription';
import type { EgressDeps } from './deps';

/** Rows that are held in memory and written at a time. */
const SLICE = 2_000;

/** What a document may mean for a subscription. */
interface Concern extends RowKey {
  readonly subscription: Subscription;
  readonly document: StoredDocument;
}

/**
 * The subscriptions that changes are owed to, as they are now: read after the changes, so that each change made since
 * the activation of one finds it here.
 */
export async function owedSubscriptions({
  subscriptions,
}: Pick<EgressDeps, 'subscriptions'>): Promise<Subscription[]> {
  return (await subscriptions.all()).map(({ subscription }) => subscription).filter(isOwed);
}

/**
 * Raises, for each subscription that the documents concern, what it is owed about them. All rows are stored when this
 * resolves. May run twice, and with documents that have changed since: rows only ever rise.
 * @param raised told of each partition of rows in which something new is owed, as soon as that is stored
 * @param expected whether most of them have their rows already: then rows are read before any is written
 */
export async function oweChanges(
  deps: Pick<EgressDeps, 'deliveries' | 'now'>,
  subscriptions: readonly Subscription[],
  documents: readonly StoredDocument[],
  raised: (pk: string) => void,
  expected: 'new' | 'seen before' = 'new',
): Promise<void> {
  const latest = latestOf(documents);
  let slice: Concern[] = [];
  for (const subscription of subscriptions) {
    for (const concern of concernsOf(subscription, latest)) {
      if (slice.push(concern) < SLICE) continue;
      await oweSlice(deps, slice, raised, expected);
      slice = [];
    }
  }
  await oweSlice(deps, slice, raised, expected);
}

/** Each document once, in its latest version. */
function latestOf(documents: readonly StoredDocument[]): StoredDocument[] {
  const latest = new Map<string, StoredDocument>();
  for (const document of documents) {
    const name = rowName(document);
    const known = latest.get(name);
    if (!known || known._hw.version < document._hw.version) latest.set(name, document);
  }
  return [...latest.values()];
}

function* concernsOf(subscription: Subscription, documents: readonly StoredDocument[]): Generator<Concern> {
  for (const document of documents) {
    const dataset = datasetOf(document);
    if (!concerns(subscription, dataset)) continue;
    // Nobody was told of an earlier version, since there is none.
    if (document._hw.version === 1 && !isOwedTo(subscription, document)) continue;
    const pk = rowPartition(subscription.id, document._hw.key);
    yield { pk, id: rowId(dataset, document.id), subscription, document };
  }
}

async function oweSlice(
  { deliveries, now }: Pick<EgressDeps, 'deliveries' | 'now'>,
  slice: readonly Concern[],
  raised: (pk: string) => void,
  expected: 'new' | 'seen before',
): Promise<void> {
  // A first version has no row yet, unless this runs a second time: then the store says so.
  const older = slice.filter(({ document }) => expected === 'seen before' || document._hw.version > 1);
  const rows = await deliveries.read(older);
  const known = slice.map((concern) => ({ ...concern, stored: rows.get(rowName(concern)) }));
  await deliveries.change(
    known,
    (row, concern): Change => {
      const next = owedRow(row, concern, now().getTime());
      return next && { row: next };
    },
    (_stored, { pk }) => raised(pk),
  );
}

/** The row as it has to be, or undefined when it may stay as it is. */
function owedRow(
  row: DeliveryRow | undefined,
  { subscription, document }: Concern,
  now: number,
): DeliveryRow | undefined {
  const { key, version } = document._hw;
  const { revision } = subscription;
  const owed = isOwedTo(subscription, document);
  if (row) return owed || row.told || isPending(row) ? raise(row, version, revision, now) : undefined;
  if (!owed) return undefined;
  const { id, pk } = document;
  return newRow(subscription.id, { id, pk, dataset: datasetOf(document), key, version }, revision, now);
}
