import type { Json, JsonObject } from '../json';
import { changedAt, datasetOf, type StoredDocument } from './document';
import { compileFilter } from './filter';
import { termAt, type Subscription } from './subscription';

type Matcher = (data: Json) => boolean;

/** Compiled filters kept; they are the same in every answer of the store. */
const MAX_COMPILED = 2_000;
const compiled = new Map<string, Matcher>();

function matcherOf(filter: JsonObject | undefined): Matcher {
  if (!filter) return () => true;
  const text = JSON.stringify(filter);
  let matcher = compiled.get(text);
  if (!matcher) {
    if (compiled.size >= MAX_COMPILED) compiled.clear();
    compiled.set(text, (matcher = compileFilter(filter)));
  }
  return matcher;
}

function matches(
  { datasets, filter }: { readonly datasets: readonly string[]; readonly filter?: JsonObject },
  document: StoredDocument,
): boolean {
  return datasets.includes(datasetOf(document)) && matcherOf(filter)(document.data);
}

/** Whether the document belongs to what the subscription asks for now: what a request says of it. */
export function matchesNow(subscription: Subscription, document: StoredDocument): boolean {
  return !document._hw.deleted && matches(subscription, document);
}

/**
 * Whether the document's present version is owed on its own account: it matches the term in force when it was made.
 * A version that does not match may still be owed, to take back what was told before.
 */
export function isOwedTo({ terms }: Subscription, document: StoredDocument): boolean {
  const term = termAt(terms, changedAt(document));
  return term !== undefined && !document._hw.deleted && matches(term, document);
}

/** Whether the subscription can have rows of this data set. */
export function concerns({ terms }: Subscription, dataset: string): boolean {
  return terms.some(({ datasets }) => datasets.includes(dataset));
}
