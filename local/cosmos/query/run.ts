import { queryCharge } from '../charge';
import { fail, ok, type Outcome } from '../errors';
import type { JsonObject } from '../partition-key';
import type { ContainerRecord } from '../store/resources';
import { renderItem } from '../store/items';
import type { AccessLimits } from './access';
import { newEnvironment, queryFailure, rowOf, type CompiledQuery } from './compile';
import type { Environment } from './expression';
import { QueryError } from './lexer';
import { narrow, NOTHING, type Narrowing } from './narrow';
import { itemRows, retrievalOf, type ItemRow, type Retrieval, type Retrieved, type Slice } from './retrieval';
import { readToken, writeToken, type Token } from './token';
import { member, type Value } from './values';

/** https://learn.microsoft.com/azure/cosmos-db/concepts-limits#per-request-limits: 4 MB a page. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;
export const DEFAULT_PAGE_ITEMS = 100;
const MAX_PAGE_ITEMS = 1_000;

export interface QueryRequest {
  readonly compiled: CompiledQuery;
  readonly parameters: ReadonlyMap<string, unknown>;
  readonly slice: Slice;
  readonly maxItems: number;
  readonly continuation: string | undefined;
  readonly clock: () => number;
  /** Tests set limits, or have the query evaluated on every item of the slice: the answer is always the same. */
  readonly access?: AccessLimits | 'everyItem';
}

/** Results as JSON texts. */
interface Results {
  readonly texts: string[];
  /** The size of the texts. */
  readonly bytes: number;
  readonly continuation: string | undefined;
  readonly charge: number;
}

/** One page of results, and what was read for it. */
export interface Page extends Results {
  readonly retrieved: Readonly<Retrieved>;
}

const EMPTY_ROW = rowOf({});

/** Reads `x-ms-max-item-count`: absent and -1 leave it to the server. */
export function pageItems(header: string | undefined): number {
  const given = header === undefined ? Number.NaN : Number(header);
  if (given === -1) return MAX_PAGE_ITEMS;
  return Number.isInteger(given) && given > 0 ? Math.min(given, MAX_PAGE_ITEMS) : DEFAULT_PAGE_ITEMS;
}

class PageBuilder {
  readonly texts: string[] = [];
  private bytes = 0;

  constructor(private readonly maxItems: number) {}

  /** Adds a result unless the page is full; the first one has room whatever its size. */
  add(text: string): boolean {
    const bytes = Buffer.byteLength(text);
    if (this.full || (this.texts.length > 0 && this.bytes + bytes > MAX_PAGE_BYTES)) return false;
    this.texts.push(text);
    this.bytes += bytes;
    return true;
  }

  get full(): boolean {
    return this.texts.length >= this.maxItems;
  }

  finish(read: number, continuation: string | undefined, isFirst: boolean): Results {
    const { texts, bytes } = this;
    return { texts, bytes, continuation, charge: queryCharge(read, bytes, isFirst) };
  }
}

/** What the item sorts by: a string or a number, or the item does not match. */
function sortValue(row: ItemRow | undefined, path: readonly string[] | undefined): Token['value'] {
  if (!row || !path) return undefined;
  const value = path.length === 1 && path[0] === 'id' ? row.id : path.reduce<Value>(member, row.doc);
  return typeof value === 'string' || typeof value === 'number' ? value : undefined;
}

interface PageRequest {
  readonly container: ContainerRecord;
  readonly request: QueryRequest;
  readonly env: Environment;
  readonly narrowing: Narrowing;
  readonly token: Token;
  /** Counted while the page is made. */
  readonly retrieved: Retrieved;
}

function retrieve({ container, request, narrowing, token }: PageRequest, all: boolean): Retrieval {
  const { slice, access } = request;
  return retrievalOf({ container, slice, access, narrowing, token, all });
}

/** Without FROM there is one result, whatever the container holds. */
function rowsOf(
  { container, request, env, retrieved }: PageRequest,
  source: Retrieval,
): Iterable<{ readonly env: Environment; readonly row: ItemRow | undefined }> {
  if (request.compiled.query.sources.length === 0) return [{ env, row: undefined }];
  return itemRows(container, source, env, retrieved);
}

/**
 * Results come in the order of the rows: the page ends where it is full, the next one begins there.
 * A page that is filled exactly has a token as well, as on the service: only an empty page tells that there is no more.
 */
function streamPage(asked: PageRequest): Results {
  const { container, request, env, token, retrieved } = asked;
  const { plan } = request.compiled;
  const page = new PageBuilder(request.maxItems);
  const offset = plan.offset(env);
  const limit = plan.limit(env);
  const end = limit === undefined ? Infinity : offset + limit;
  // Without an item to begin with, what was given already is counted off.
  const given = Math.max(offset, token.done);
  let done = token.row === null ? 0 : token.done;
  let at = token.at;
  let read = 0;
  const isFirst = token.done === 0;
  let last: Omit<Token, 'done'> | undefined;
  if (token.done >= end) return page.finish(read, undefined, isFirst);
  const source = retrieve(asked, false);
  for (const { env: rowEnv, row } of rowsOf(asked, source)) {
    const item = row?.item;
    const key = item?.[source.key] ?? null;
    if (read++ > 0 || key !== token.row) at = 0;
    const texts =
      plan.wholeItem && item
        ? plan.accepts(rowEnv)
          ? [() => renderItem(container, item)]
          : []
        : plan.resultsOf(rowEnv).map((value) => () => JSON.stringify(value));
    if (texts.length > 0) retrieved.matched++;
    for (const text of texts.slice(at)) {
      if (page.full || (done >= given && !page.add(text()))) {
        const value = sortValue(row, source.sortedBy);
        return page.finish(read, writeToken({ row: key, value, at, done }), isFirst);
      }
      at++;
      if (++done >= end) return page.finish(read, undefined, isFirst);
    }
    if (key !== null && texts.length > 0) last = { row: key, value: sortValue(row, source.sortedBy), at };
  }
  return page.finish(read, page.full && last ? writeToken({ ...last, done }) : undefined, isFirst);
}

/** Grouped and distinct results, and those sorted otherwise, exist only as a whole: a page is a cut of it. */
function collectPage(asked: PageRequest): Results {
  const { request, env, token, retrieved } = asked;
  const { plan } = request.compiled;
  const source = retrieve({ ...asked, token: { ...token, row: null } }, true);
  let read = 0;
  const rows = function* (): Generator<Environment> {
    for (const { env: rowEnv } of rowsOf(asked, source)) {
      read++;
      yield rowEnv;
    }
  };
  const results = plan.collect(rows(), env, () => retrieved.matched++);
  const page = new PageBuilder(request.maxItems);
  let { done } = token;
  while (done < results.length && page.add(JSON.stringify(results[done]))) done++;
  const isFirst = token.done === 0;
  // The work of sorting or grouping is charged once, though it is done again for each page.
  if (!isFirst) read = 0;
  const isOpen = plan.rowwise && plan.limit(env) === undefined && page.full;
  const next = { row: null, value: undefined, at: 0, done };
  return page.finish(read, done < results.length || isOpen ? writeToken(next) : undefined, isFirst);
}

function narrowingOf(container: ContainerRecord, request: QueryRequest, env: Environment): Narrowing {
  const narrowing = narrow(
    request.compiled.query,
    container.definition.partitionKey,
    env,
    request.slice.onePartition,
    container.items.keyIndex,
  );
  // The order of the items stays: in one partition that of their ids.
  return request.access === 'everyItem' ? { ...NOTHING, onePartition: narrowing.onePartition } : narrowing;
}

/** The clock's time now, for the whole of a page. */
function stopped(clock: () => number): () => number {
  const now = clock();
  return () => now;
}

/** Runs a query over a container and returns one page. */
export function runQuery(container: ContainerRecord, request: QueryRequest): Outcome<Page> {
  const token = readToken(request.continuation);
  if (!token) return fail('BadRequest', 'Invalid Continuation Token');
  const env = newEnvironment(EMPTY_ROW, request.parameters, stopped(request.clock));
  const { plan, query } = request.compiled;
  try {
    const narrowing = narrowingOf(container, request, env);
    const streams = plan.rowwise && (query.orderBy.length === 0 || narrowing.order !== undefined);
    const run: typeof streamPage = streams ? streamPage : collectPage;
    const retrieved: Retrieved = { count: 0, bytes: 0, matched: 0 };
    return ok({ ...run({ container, request, env, narrowing, token, retrieved }), retrieved });
  } catch (error) {
    if (error instanceof QueryError) return queryFailure(error);
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
  const env = newEnvironment(EMPTY_ROW, parameters, stopped(clock));
  try {
    return ok(
      compiled.plan.collect(
        documents.map((doc) => ({ ...env, row: rowOf(doc) })),
        env,
      ),
    );
  } catch (error) {
    if (error instanceof QueryError) return queryFailure(error);
    throw error;
  }
}
