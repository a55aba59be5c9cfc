import type { Change, StoredRow } from '../../clients/deliveries';
import { mapLimited } from '../../clients/once';
import { datasetOf, type StoredDocument } from '../../domain/egress/document';
import { concerns, isOwedTo } from '../../domain/egress/interest';
import { isPending, raise } from '../../domain/egress/progress';
import { newRow, rowId, rowPartition } from '../../domain/egress/row';
import { isOwed, type Subscription } from '../../domain/egress/subscription';
import type { EgressDeps } from './deps';

/** Partitions of rows that are written at the same time. */
const PARTITIONS_AT_A_TIME = 8;

interface Part {
  readonly subscription: Subscription;
  readonly pk: string;
  readonly documents: Map<string, StoredDocument>;
}

/**
 * Raises, for each subscription that the documents concern, what it is owed about them. All rows are stored when this
 * resolves. May run twice, and with documents that have changed since: rows only ever rise.
 * @param raised told of each partition of rows in which something new is owed, as soon as that is stored
 * @param expected whether most of them have their rows already: then rows are read before any is written
 */
export async function oweChanges(
  deps: Pick<EgressDeps, 'subscriptions' | 'deliveries' | 'now'>,
  documents: readonly StoredDocument[],
  raised: (pk: string) => void,
  expected: 'new' | 'seen before' = 'new',
): Promise<void> {
  if (documents.length === 0) return;
  const subscriptions = (await deps.subscriptions.all())
    .map(({ subscription }) => subscription)
    .filter(isOwed);
  await mapLimited(partsOf(subscriptions, documents), PARTITIONS_AT_A_TIME, async (part) => {
    if (await owePart(deps, part, expected)) raised(part.pk);
  });
}

function partsOf(subscriptions: readonly Subscription[], documents: readonly StoredDocument[]): Part[] {
  const parts = new Map<string, Part>();
  for (const subscription of subscriptions) {
    for (const document of documents) {
      const dataset = datasetOf(document);
      if (!concerns(subscription, dataset)) continue;
      // Nobody was told of an earlier version, since there is none.
      if (document._hw.version === 1 && !isOwedTo(subscription, document)) continue;
      const pk = rowPartition(subscription.id, document._hw.key);
      const part = parts.get(pk) ?? { subscription, pk, documents: new Map() };
      parts.set(pk, part);
      const id = rowId(dataset, document.id);
      const known = part.documents.get(id);
      if (!known || known._hw.version < document._hw.version) part.documents.set(id, document);
    }
  }
  return [...parts.values()];
}

async function owePart(
  { deliveries, now }: Pick<EgressDeps, 'deliveries' | 'now'>,
  { subscription, pk, documents }: Part,
  expected: 'new' | 'seen before',
): Promise<boolean> {
  // A first version has no row yet, unless this runs a second time: then the store says so.
  const mayHaveRow = ({ _hw }: StoredDocument): boolean => expected === 'seen before' || _hw.version > 1;
  const older = Array.from(documents).flatMap(([id, document]) => (mayHaveRow(document) ? [id] : []));
  const rows = await deliveries.read(pk, older);
  const known = new Map<string, StoredRow | undefined>();
  for (const id of documents.keys()) known.set(id, rows.get(id));
  const stored = await deliveries.change(pk, known, (row, id): Change => {
    const document = documents.get(id) as StoredDocument;
    const { key, version } = document._hw;
    const owed = isOwedTo(subscription, document);
    if (!row) {
      if (!owed) return undefined;
      const { id: documentId, pk: documentPk } = document;
      const named = { id: documentId, pk: documentPk, dataset: datasetOf(document), key, version };
      return { row: newRow(subscription.id, named, subscription.revision, now().getTime()) };
    }
    const next =
      owed || row.told || isPending(row)
        ? raise(row, version, subscription.revision, now().getTime())
        : undefined;
    return next && { row: next };
  });
  return stored.size > 0;
}
