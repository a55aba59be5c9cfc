import type { SQLInputValue } from 'node:sqlite';
import { queryCharge } from '../charge';
import { fail, ok, type Outcome } from '../errors';
import type { JsonObject } from '../partition-key';
import type { ContainerRecord } from '../store/catalog';
import { isExpired, parseItem, renderItem, type StoredItem } from '../store/items';
import { newEnvironment, rowOf, type CompiledQuery } from './compile';
import type { Environment, Row } from './expression';
import { QueryError } from './lexer';
import { narrow } from './narrow';

/** https://learn.microsoft.com/azure/cosmos-db/concepts-limits#per-request-limits: 4 MB a page. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;
export const DEFAULT_PAGE_ITEMS = 100;
const MAX_PAGE_ITEMS = 1_000;

/** Which items a query may see. */
export interface Slice {
  readonly sql: string;
  /** Whether that is one logical partition: it is read in the order of the ids then, which its index has. */
  readonly onePartition: boolean;
  readonly parameters: readonly SQLInputValue[];
}

export interface QueryRequest {
  readonly compiled: CompiledQuery;
  readonly parameters: ReadonlyMap<string, unknown>;
  readonly slice: Slice;
  readonly maxItems: number;
  readonly continuation: string | undefined;
  readonly clock: () => number;
}

/** One page of results as JSON texts. */
export interface Page {
  readonly texts: string[];
  readonly continuation: string | undefined;
  readonly charge: number;
}

/**
 * `row`: the item to go on with (its id within one partition, else its row id; null: the first),
 * `at`: how many of its results were given, `done`: results seen before OFFSET and LIMIT.
 */
interface Token {
  readonly row: string | number | null;
  readonly at: number;
  readonly done: number;
}

class ItemRow implements Row {
  private parsed: JsonObject | undefined;

  constructor(
    private readonly container: ContainerRecord,
    readonly item: StoredItem,
  ) {}

  get id(): string {
    return this.item.id;
  }

  get doc(): JsonObject {
    this.parsed ??= parseItem(this.container, this.item);
    return this.parsed;
  }
}

const EMPTY_ROW = rowOf({});

/** Reads `x-ms-max-item-count`: absent and -1 leave it to the server. */
export function pageItems(header: string | undefined): number {
  const given = header === undefined ? Number.NaN : Number(header);
  if (given === -1) return MAX_PAGE_ITEMS;
  return Number.isInteger(given) && given > 0 ? Math.min(given, MAX_PAGE_ITEMS) : DEFAULT_PAGE_ITEMS;
}

const MAX_TOKEN = 8_192;
const FIRST: Token = { row: null, at: 0, done: 0 };

function readToken(text: string | undefined): Token | undefined {
  if (text === undefined) return FIRST;
  if (text.length > MAX_TOKEN || !text.startsWith('+')) return undefined;
  try {
    const [row, at, done] = JSON.parse(Buffer.from(text.slice(1), 'base64').toString()) as unknown[];
    if (row !== null && typeof row !== 'string' && typeof row !== 'number') return undefined;
    if (!Number.isSafeInteger(at) || !Number.isSafeInteger(done)) return undefined;
    return { row, at: at as number, done: done as number };
  } catch {
    return undefined;
  }
}

const writeToken = ({ row, at, done }: Token): string =>
  `+${Buffer.from(JSON.stringify([row, at, done])).toString('base64')}`;

interface Source {
  readonly order: 'id' | 'rid';
  readonly byId: boolean;
  readonly terms: readonly string[];
  readonly parameters: readonly SQLInputValue[];
}

function sourceOf(container: ContainerRecord, request: QueryRequest, env: Environment): Source {
  const narrowing = narrow(
    request.compiled.query,
    container.definition.partitionKey,
    env,
    request.slice.onePartition,
    container.items.keyIndex,
  );
  return {
    order: request.slice.onePartition || narrowing.onePartition ? 'id' : 'rid',
    byId: narrowing.byId,
    terms: [request.slice.sql, narrowing.sql].filter((term) => term !== ''),
    parameters: [...request.slice.parameters, ...narrowing.parameters],
  };
}

function* itemRows(
  container: ContainerRecord,
  request: QueryRequest,
  env: Environment,
  source: Source,
  from: Token['row'],
): Generator<{ env: Environment; row: ItemRow | undefined }> {
  if (request.compiled.query.sources.length === 0) {
    // Without FROM there is one result, whatever the container holds.
    yield { env, row: undefined };
    return;
  }
  const terms = from === null ? source.terms : [...source.terms, `${source.order} >= ?`];
  const parameters = from === null ? source.parameters : [...source.parameters, from];
  const condition = terms.join(' AND ') || '1';
  const now = request.clock();
  const items = source.byId
    ? container.items.all(condition, parameters, source.order)
    : container.items.scan(condition, parameters, source.order);
  for (const item of items) {
    if (isExpired(item, container.definition.defaultTtl, now)) continue;
    const row = new ItemRow(container, item);
    yield { row, env: { ...env, row } };
  }
}

class PageBuilder {
  readonly texts: string[] = [];
  private bytes = 0;

  constructor(private readonly maxItems: number) {}

  add(text: string): void {
    this.texts.push(text);
    this.bytes += text.length;
  }

  get full(): boolean {
    return this.texts.length >= this.maxItems || this.bytes >= MAX_PAGE_BYTES;
  }

  finish(read: number, continuation: string | undefined): Page {
    return { texts: this.texts, continuation, charge: queryCharge(read, this.bytes) };
  }
}

/** Results come in the order of the rows: the page ends where it is full, the next one begins there. */
function streamPage(container: ContainerRecord, request: QueryRequest, env: Environment, token: Token): Page {
  const source = sourceOf(container, request, env);
  const { plan } = request.compiled;
  const page = new PageBuilder(request.maxItems);
  const offset = plan.offset(env);
  const limit = plan.limit(env);
  const end = limit === undefined ? Infinity : offset + limit;
  let { done } = token;
  let read = 0;
  if (done >= end) return page.finish(read, undefined);
  for (const { env: rowEnv, row } of itemRows(container, request, env, source, token.row)) {
    read++;
    const item = row?.item;
    const key = item?.[source.order] ?? null;
    let at = key === token.row ? token.at : 0;
    const texts =
      plan.wholeItem && item
        ? plan.accepts(rowEnv)
          ? [() => renderItem(container, item)]
          : []
        : plan.resultsOf(rowEnv).map((value) => () => JSON.stringify(value));
    for (const text of texts.slice(at)) {
      if (page.full) return page.finish(read, writeToken({ row: key, at, done }));
      at++;
      if (done++ >= offset) page.add(text());
      if (done >= end) return page.finish(read, undefined);
    }
  }
  return page.finish(read, undefined);
}

/** Sorted, grouped and distinct results exist only as a whole: a page is a cut of it. */
function collectPage(
  container: ContainerRecord,
  request: QueryRequest,
  env: Environment,
  token: Token,
): Page {
  const { plan } = request.compiled;
  const source = sourceOf(container, request, env);
  let read = 0;
  const rows = function* (): Generator<Environment> {
    for (const { env: rowEnv } of itemRows(container, request, env, source, null)) {
      read++;
      yield rowEnv;
    }
  };
  const results = plan.collect(rows(), env);
  const page = new PageBuilder(request.maxItems);
  let { done } = token;
  while (done < results.length && !page.full) page.add(JSON.stringify(results[done++]));
  return page.finish(read, done < results.length ? writeToken({ row: null, at: 0, done }) : undefined);
}

/** Runs a query over a container and returns one page. */
export function runQuery(container: ContainerRecord, request: QueryRequest): Outcome<Page> {
  const token = readToken(request.continuation);
  if (!token) return fail('BadRequest', 'Invalid Continuation Token');
  const env = newEnvironment(EMPTY_ROW, request.parameters, request.clock);
  try {
    const run: typeof streamPage = request.compiled.plan.streaming ? streamPage : collectPage;
    return ok(run(container, request, env, token));
  } catch (error) {
    if (error instanceof QueryError) return fail('BadRequest', error.message);
    throw error;
  }
}

/** Runs a query over a few documents in memory (databases, containers, offers). */
export function queryDocuments(
  compiled: CompiledQuery,
  parameters: ReadonlyMap<string, unknown>,
  documents: readonly JsonObject[],
  clock: () => number,
): Outcome<unknown[]> {
  const env = newEnvironment(EMPTY_ROW, parameters, clock);
  try {
    return ok(
      compiled.plan.collect(
        documents.map((doc) => ({ ...env, row: rowOf(doc) })),
        env,
      ),
    );
  } catch (error) {
    if (error instanceof QueryError) return fail('BadRequest', error.message);
    throw error;
  }
}
