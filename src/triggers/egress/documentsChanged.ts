import type { InvocationContext } from '@azure/functions';
import type { EgressDeps } from '../../activities/egress/deps';
import { owedSubscriptions, oweChanges } from '../../activities/egress/owe';
import type { StoredDocument } from '../../domain/egress/document';
import { LaneCalls } from './lanes';

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
    await oweChanges(deps, subscriptions, documents, (pk) => calls.raised(pk));
    await calls.startOthers();
  };
}

/** Markers lie beside the documents and are nobody's business. */
function isDocument(item: unknown): item is StoredDocument {
  return typeof item === 'object' && item !== null && '_hw' in item;
}
