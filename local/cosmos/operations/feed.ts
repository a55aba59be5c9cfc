import { fail, ok, type Failure, type Outcome } from '../errors';
import { flag, header, parseJson, type CosmosRequest, type Reply } from '../http';
import { isJsonObject, type JsonObject } from '../partition-key';
import { compileQuery, type CompiledQuery } from '../query/compile';
import { pageItems, queryDocuments } from '../query/run';

const MAX_ID_CHARACTERS = 255;

/** Checks the id of a database or a container. */
export function checkResourceId(id: unknown): Outcome<string> {
  if (
    typeof id !== 'string' ||
    id === '' ||
    id.length > MAX_ID_CHARACTERS ||
    /[/\\?#]/.test(id) ||
    id.endsWith(' ')
  ) {
    return fail(
      'BadRequest',
      'The id is missing, too long, ends with a space, or holds one of "/", "\\", "?", "#".',
    );
  }
  return ok(id);
}

export interface QueryBody {
  readonly text: string;
  readonly compiled: CompiledQuery;
  readonly parameters: ReadonlyMap<string, unknown>;
  /** Milliseconds that it took to compile it. */
  readonly compiling: number;
}

/** Reads and compiles `{query, parameters}`. */
export function parseQueryBody(body: Buffer): Outcome<QueryBody> {
  const parsed = parseJson(body);
  if (!parsed.ok) return parsed;
  const { query, parameters = [] } = isJsonObject(parsed.value) ? parsed.value : {};
  if (typeof query !== 'string' || !Array.isArray(parameters)) {
    return fail('BadRequest', 'A query needs "query" and, if it has any, "parameters".');
  }
  const bound = new Map<string, unknown>();
  for (const parameter of parameters as unknown[]) {
    if (!isJsonObject(parameter) || typeof parameter['name'] !== 'string') {
      return fail('BadRequest', 'A parameter needs "name" and "value".');
    }
    bound.set(parameter['name'], parameter['value']);
  }
  const begin = performance.now();
  const compiled = compileQuery(query);
  if (!compiled.ok) return compiled;
  const compiling = performance.now() - begin;
  return ok({ text: query, compiled: compiled.value, parameters: bound, compiling });
}

/** Whether the POST is a query and not the creation of something. */
export function isQuery(request: CosmosRequest): boolean {
  return (
    flag(request, 'x-ms-documentdb-isquery') ||
    String(request.headers['content-type']).startsWith('application/query+json')
  );
}

/** The answer to a listing. */
export function feedReply(name: string, rid: string, documents: readonly unknown[]): Reply {
  const body = { _rid: rid, [name]: documents, _count: documents.length };
  return {
    status: 200,
    body: JSON.stringify(body),
    headers: { 'x-ms-item-count': String(documents.length) },
  };
}

/** One page of what was listed; the continuation counts what came before. */
function pageOf(request: CosmosRequest, name: string, rid: string, all: readonly unknown[]): Outcome<Reply> {
  const token = header(request, 'x-ms-continuation') ?? '+0';
  if (!/^\+\d{1,9}$/.test(token)) return fail('BadRequest', 'Invalid Continuation Token');
  const from = Number(token);
  const to = from + pageItems(header(request, 'x-ms-max-item-count'));
  const reply = feedReply(name, rid, all.slice(from, to));
  if (to >= all.length) return ok(reply);
  return ok({ ...reply, headers: { ...reply.headers, 'x-ms-continuation': `+${to}` } });
}

/** Lists, or queries, a few resources that are in memory. */
export function listOrQuery(
  request: CosmosRequest,
  name: string,
  rid: string,
  documents: readonly JsonObject[],
  clock: () => number,
): Outcome<Reply> {
  if (request.method === 'GET') return pageOf(request, name, rid, documents);
  const query = parseQueryBody(request.body);
  if (!query.ok) return query;
  const results = queryDocuments(query.value.compiled, query.value.parameters, documents, clock);
  return results.ok ? pageOf(request, name, rid, results.value) : results;
}

export const methodNotAllowed = (request: CosmosRequest): Failure =>
  fail('MethodNotAllowed', `The method ${request.method} is not allowed here.`);
