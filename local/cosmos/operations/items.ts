import { fail, ok, type Outcome } from '../errors';
import { flag, header, parseJson, type CosmosRequest, type Reply } from '../http';
import { isFullKey, parseKey, type PartitionKey } from '../partition-key';
import { compileQuery } from '../query/compile';
import { formatMetrics } from '../query/metrics';
import { pageItems, runQuery } from '../query/run';
import type { ContainerRecord } from '../store/resources';
import { rangeOf } from '../store/ranges';
import { executeBatch } from './batch';
import { isChangeFeed, readChangeFeed } from './change-feed';
import { prepareContent } from './content';
import type { ServiceContext } from './context';
import { isQuery, methodNotAllowed, parseQueryBody, type QueryBody } from './feed';
import { parsePatch } from './patch';
import { coversContainer, readQueryPlan } from './query-plan';
import { scopeOf } from './scope';
import { inTransaction } from './transaction';
import { locate, readItem, type ItemOperation, type ItemResult, type OperationType } from './write';

const KEY_HEADER = 'x-ms-documentdb-partitionkey';

function keyHeader(container: ContainerRecord, request: CosmosRequest): Outcome<PartitionKey | undefined> {
  const text = header(request, KEY_HEADER);
  return text === undefined ? ok(undefined) : parseKey(text, container.definition.partitionKey);
}

const NO_TRIGGERS = fail('NotImplemented', 'Triggers are not implemented.');

/** Whether scripts of the container are to run before or after the operation. */
function asksForTrigger(request: CosmosRequest): boolean {
  const before = header(request, 'x-ms-documentdb-pre-trigger-include');
  const after = header(request, 'x-ms-documentdb-post-trigger-include');
  return [before, after].some((names) => names !== undefined && names !== '');
}

function conditions(request: CosmosRequest): { ifMatch?: string; ifNoneMatch?: string } {
  const ifMatch = header(request, 'if-match');
  const ifNoneMatch = header(request, 'if-none-match');
  return { ...(ifMatch !== undefined && { ifMatch }), ...(ifNoneMatch !== undefined && { ifNoneMatch }) };
}

function toReply(result: ItemResult, minimal: boolean): Reply {
  return {
    status: result.status,
    charge: result.charge,
    ...(result.render && !minimal && { body: result.render() }),
    headers: result.etag === undefined ? {} : { etag: result.etag },
  };
}

async function execute(
  context: ServiceContext,
  container: ContainerRecord,
  request: CosmosRequest,
  operation: ItemOperation,
): Promise<Outcome<Reply>> {
  const range = rangeOf(container.ranges, operation.epk);
  const refused = context.throttle.check(container, range);
  if (refused) return refused;
  let result: Outcome<ItemResult>;
  if (operation.type === 'Read') result = readItem(container, operation, context.clock());
  else {
    const outcome = await inTransaction(context, container, [operation], 'each');
    if (!outcome.ok) return outcome;
    result = outcome.value[0] ?? fail('InternalServerError', 'The operation had no result.');
  }
  context.throttle.spend(container, range, result.ok ? result.value.charge : 1);
  return result.ok ? ok(toReply(result.value, header(request, 'prefer') === 'return=minimal')) : result;
}

async function writeItem(
  context: ServiceContext,
  container: ContainerRecord,
  request: CosmosRequest,
  type: 'Create' | 'Upsert' | 'Replace',
  expectedId?: string,
): Promise<Outcome<Reply>> {
  const body = parseJson(request.body);
  if (!body.ok) return body;
  const given = keyHeader(container, request);
  if (!given.ok) return given;
  const prepared = prepareContent(container, body.value, given.value);
  if (!prepared.ok) return prepared;
  const { content, key, id } = prepared.value;
  if (expectedId !== undefined && id !== expectedId) {
    return fail('BadRequest', 'The id of an item cannot be changed.');
  }
  const located = locate(container, key);
  if (!located.ok) return located;
  return execute(context, container, request, {
    type,
    key,
    ...located.value,
    id,
    content,
    ...conditions(request),
  });
}

function runItemQuery(
  context: ServiceContext,
  container: ContainerRecord,
  request: CosmosRequest,
  { text, compiled, parameters, compiling }: QueryBody,
): Outcome<Reply> {
  const slice = scopeOf(container, request, coversContainer(text));
  if (!slice.ok) return slice;
  const ranges = slice.value.ranges.map(({ id }) => id);
  const refused = context.throttle.checkAll(container, ranges);
  if (refused) return refused;
  const begin = performance.now();
  const page = runQuery(container, {
    compiled,
    parameters,
    slice: slice.value,
    maxItems: pageItems(header(request, 'x-ms-max-item-count')),
    continuation: header(request, 'x-ms-continuation'),
    clock: context.clock,
  });
  if (!page.ok) return page;
  const { texts, continuation, charge } = page.value;
  const executing = performance.now() - begin;
  context.throttle.spendOver(container, ranges, charge);
  return ok({
    status: 200,
    charge,
    body: `{"_rid":"${container.rid}","Documents":[${texts.join(',')}],"_count":${texts.length}}`,
    headers: {
      'x-ms-item-count': String(texts.length),
      ...(continuation !== undefined && { 'x-ms-continuation': continuation }),
      ...(flag(request, 'x-ms-documentdb-populatequerymetrics') && {
        'x-ms-documentdb-query-metrics': formatMetrics(page.value, { compiling, executing }),
      }),
    },
  });
}

function listItems(
  context: ServiceContext,
  container: ContainerRecord,
  request: CosmosRequest,
): Outcome<Reply> {
  const text = 'SELECT * FROM c';
  const compiled = compileQuery(text);
  if (!compiled.ok) return compiled;
  const query = { text, compiled: compiled.value, parameters: new Map(), compiling: 0 };
  return runItemQuery(context, container, request, query);
}

/** `/dbs/{id}/colls/{id}/docs` */
export async function onItems(
  context: ServiceContext,
  request: CosmosRequest,
  database: string,
  id: string,
): Promise<Outcome<Reply>> {
  const found = context.catalog.container(database, id);
  if (!found.ok) return found;
  const container = found.value;
  if (request.method === 'GET') {
    return isChangeFeed(request)
      ? readChangeFeed(context, container, request)
      : listItems(context, container, request);
  }
  if (request.method !== 'POST') return methodNotAllowed(request);
  if (asksForTrigger(request)) return NO_TRIGGERS;
  if (flag(request, 'x-ms-cosmos-is-batch-request')) return executeBatch(context, container, request);
  if (flag(request, 'x-ms-cosmos-is-query-plan-request')) return readQueryPlan(container, request.body);
  if (isQuery(request)) {
    const query = parseQueryBody(request.body);
    return query.ok ? runItemQuery(context, container, request, query.value) : query;
  }
  const upsert = flag(request, 'x-ms-documentdb-is-upsert');
  return writeItem(context, container, request, upsert ? 'Upsert' : 'Create');
}

const TYPES: Readonly<Record<string, OperationType>> = {
  GET: 'Read',
  DELETE: 'Delete',
  PATCH: 'Patch',
  PUT: 'Replace',
};

/** `/dbs/{id}/colls/{id}/docs/{id}` */
export async function onItem(
  context: ServiceContext,
  request: CosmosRequest,
  route: { readonly database: string; readonly container: string; readonly id: string },
): Promise<Outcome<Reply>> {
  const found = context.catalog.container(route.database, route.container);
  if (!found.ok) return found;
  const container = found.value;
  const type = TYPES[request.method];
  if (!type) return methodNotAllowed(request);
  if (asksForTrigger(request)) return NO_TRIGGERS;
  if (type === 'Replace') return writeItem(context, container, request, type, route.id);
  const key = keyHeader(container, request);
  if (!key.ok) return key;
  if (!key.value || !isFullKey(key.value, container.definition.partitionKey)) {
    return fail('BadRequest', 'The request needs the full partition key of the item.');
  }
  const located = locate(container, key.value);
  if (!located.ok) return located;
  const operation: ItemOperation = {
    type,
    key: key.value,
    ...located.value,
    id: route.id,
    ...conditions(request),
  };
  if (type !== 'Patch') return execute(context, container, request, operation);
  const body = parseJson(request.body);
  if (!body.ok) return body;
  const patch = parsePatch(body.value);
  return patch.ok ? execute(context, container, request, { ...operation, patch: patch.value }) : patch;
}
