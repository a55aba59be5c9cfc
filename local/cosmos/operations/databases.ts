import { ok, type Outcome } from '../errors';
import { parseJson, type CosmosRequest, type Reply } from '../http';
import { isJsonObject, type JsonObject } from '../partition-key';
import type { DatabaseRecord } from '../store/resources';
import type { ServiceContext } from './context';
import { checkResourceId, isQuery, listOrQuery, methodNotAllowed } from './feed';
import { throughputOf } from './offers';

function render(record: DatabaseRecord): JsonObject {
  return {
    id: record.id,
    _rid: record.rid,
    _self: record.self,
    _etag: record.etag,
    _colls: 'colls/',
    _users: 'users/',
    _ts: Math.floor(record.ts / 1_000),
  };
}

const reply = (status: number, record: DatabaseRecord): Outcome<Reply> =>
  ok({ status, body: JSON.stringify(render(record)), headers: { etag: record.etag }, charge: 2 });

/** `/dbs` */
export async function onDatabases(context: ServiceContext, request: CosmosRequest): Promise<Outcome<Reply>> {
  const { catalog, clock } = context;
  if (request.method === 'GET' || (request.method === 'POST' && isQuery(request))) {
    return listOrQuery(request, 'Databases', '', catalog.listDatabases().map(render), clock);
  }
  if (request.method !== 'POST') return methodNotAllowed(request);
  const body = parseJson(request.body);
  if (!body.ok) return body;
  const id = checkResourceId(isJsonObject(body.value) ? body.value['id'] : undefined);
  if (!id.ok) return id;
  const throughput = throughputOf(request);
  if (!throughput.ok) return throughput;
  const created = await catalog.createDatabase(id.value, throughput.value, clock());
  return created.ok ? reply(201, created.value) : created;
}

/** `/dbs/{id}` */
export async function onDatabase(
  context: ServiceContext,
  request: CosmosRequest,
  id: string,
): Promise<Outcome<Reply>> {
  const found = context.catalog.database(id);
  if (!found.ok) return found;
  if (request.method === 'GET') return reply(200, found.value);
  if (request.method !== 'DELETE') return methodNotAllowed(request);
  const failure = await context.catalog.deleteDatabase(id);
  return failure ?? ok({ status: 204, charge: 5 });
}
