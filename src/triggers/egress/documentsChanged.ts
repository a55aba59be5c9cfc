import type { InvocationContext } from '@azure/functions';
import type { EgressDeps } from '../../activities/egress/deps';
import { owedSubscriptions, oweChanges } from '../../activities/egress/owe';
import type { StoredDocument } from '../../domain/egress/document';
import { LaneCalls } from './lanes';

/** Documents that are looked after at a time. */
const SLICE = 250;

/** Function of the change feed of `documents`: the feed moves on only when this has stored what is owed. */
export function createDocumentsChanged(
  deps: EgressDeps,
): (items: unknown[], context: InvocationContext) => Promise<void> {
  return async (items, context) => {
    const subscriptions = await owedSubscriptions(deps);
    if (subscriptions.length === 0) return;
    const documents = items.filter(isDocument);
    for (const document of documents) deps.recent.add(document);
    const calls = new LaneCalls(deps, context);
    // Slice by slice: ingest comes first, and between two of them it has its turn.
    for (let at = 0; at < documents.length; at += SLICE) {
      await deps.priority.turn();
      await oweChanges(deps, subscriptions, documents.slice(at, at + SLICE), (pk) => calls.raised(pk));
    }
    await calls.startOthers();
  };
}

/** Markers lie beside the documents and are nobody's business. */
function isDocument(item: unknown): item is StoredDocument {
  return typeof item === 'object' && item !== null && '_hw' in item;
}
