import { keyText, type KeyComponent, type PartitionKeyDefinition, splitPath } from '../partition-key';
import { sql, type Sql } from '../store/sql';
import type { Query } from './ast';
import { conditionsOf, hasOneOrder, pathOf, termsOf, type Condition, type Term } from './conditions';
import type { Environment } from './expression';
import type { Value } from './values';

/** What SQLite may use of a query; it holds for every item that the query may accept: a superset, evaluated again. */
export interface Narrowing {
  /** On the partition key, and the ids. */
  readonly terms: readonly Sql[];
  /** Whether at most a known, small number of items can match. */
  readonly byId: boolean;
  /** Whether all of them lie in one logical partition. */
  readonly onePartition: boolean;
  /** On other paths of the item. */
  readonly conditions: readonly Condition[];
  /** That of ORDER BY, when it has one key, and SQLite's order of what matches is that of the evaluator. */
  readonly order: { readonly by: Condition; readonly descending: boolean } | undefined;
}

const isKeyComponent = (value: Value): value is KeyComponent =>
  value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

const isPath = (path: readonly string[], names: readonly string[]): boolean =>
  path.length === names.length && path.every((name, i) => name === names[i]);

/** The partition key that the query's equalities pin down. */
function keyOf(terms: readonly Term[], definition: PartitionKeyDefinition): string | undefined {
  const key: KeyComponent[] = [];
  for (const path of definition.paths) {
    const names = splitPath(path);
    const pinned = terms.find((term) => term.values?.length === 1 && isPath(term.path, names));
    const value = pinned?.values?.[0];
    if (!pinned || !isKeyComponent(value)) return undefined;
    key.push(value);
  }
  return keyText(key);
}

function orderOf(query: Query, alias: string, conditions: readonly Condition[]): Narrowing['order'] {
  const [key] = query.orderBy;
  const path = key && query.orderBy.length === 1 ? pathOf(key.by, alias) : undefined;
  const by = path && conditions.find((condition) => isPath(condition.path, path));
  return by && hasOneOrder(by) ? { by, descending: key?.descending ?? false } : undefined;
}

/** Every item may match. */
export const NOTHING: Narrowing = {
  terms: [],
  byId: false,
  onePartition: false,
  conditions: [],
  order: undefined,
};

/**
 * Finds what of the query's condition SQLite can use: the partition key, ids, and comparisons of paths with constants.
 * Anything else is left to the evaluator, which decides alone. `given`: the request names its partition;
 * `keyIndex`: table and index over (pk, id), for FROM.
 */
export function narrow(
  query: Query,
  definition: PartitionKeyDefinition,
  env: Environment,
  given: boolean,
  keyIndex: string,
): Narrowing {
  const [source, ...joined] = query.sources;
  if (!source || source.of.kind !== 'identifier' || source.iterate) return NOTHING;
  // A later source of the same name hides the item.
  if (joined.some(({ alias }) => alias === source.alias)) return NOTHING;
  const found = termsOf(query.where, source.alias, env);
  const terms: Sql[] = [];
  const pk = keyOf(found, definition);
  if (pk !== undefined) terms.push(sql('pk = ?', pk));
  const onePartition = pk !== undefined;
  const ids = found.find(({ path, values }) => values && isPath(path, ['id']))?.values;
  if (ids) {
    const listed = 'id IN (SELECT value FROM json_each(?))';
    const list = JSON.stringify(ids.filter((id) => typeof id === 'string'));
    // Without the partition key the ids are found in the index alone, not in the table with its bodies.
    terms.push(
      sql(onePartition || given ? listed : `rid IN (SELECT rid FROM ${keyIndex} WHERE ${listed})`, list),
    );
    return { terms, byId: true, onePartition, conditions: [], order: undefined };
  }
  const conditions = conditionsOf(found);
  return {
    terms,
    byId: false,
    onePartition,
    conditions,
    order: orderOf(query, source.alias, conditions),
  };
}
