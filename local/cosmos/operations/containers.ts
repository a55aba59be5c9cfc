import { fail, ok, type Outcome } from '../errors';
import { flag, parseJson, type CosmosRequest, type Reply } from '../http';
import type { JsonObject } from '../partition-key';
import { canonical } from '../query/values';
import type { ContainerRecord } from '../store/resources';
import { checkDefinition } from './container-definition';
import type { ServiceContext } from './context';
import { feedReply, isQuery, listOrQuery, methodNotAllowed } from './feed';
import { throughputOf } from './offers';

function render(record: ContainerRecord): JsonObject {
  return {
    ...record.definition,
    _rid: record.rid,
    _ts: Math.floor(record.ts / 1_000),
    _self: record.self,
    _etag: record.etag,
    _docs: 'docs/',
    _sprocs: 'sprocs/',
    _triggers: 'triggers/',
    _udfs: 'udfs/',
    _conflicts: 'conflicts/',
  };
}

const reply = (status: number, record: ContainerRecord): Outcome<Reply> =>
  ok({ status, body: JSON.stringify(render(record)), headers: { etag: record.etag }, charge: 2 });

/** `/dbs/{id}/colls` */
export async function onContainers(
  context: ServiceContext,
  request: CosmosRequest,
  databaseId: string,
): Promise<Outcome<Reply>> {
  const { catalog, clock } = context;
  const database = catalog.database(databaseId);
  if (!database.ok) return database;
  if (request.method === 'GET' || (request.method === 'POST' && isQuery(request))) {
    const documents = catalog.listContainers(databaseId).map(render);
    return listOrQuery(request, 'DocumentCollections', database.value.rid, documents, clock);
  }
  if (request.method !== 'POST') return methodNotAllowed(request);
  const body = parseJson(request.body);
  if (!body.ok) return body;
  const definition = checkDefinition(body.value);
  if (!definition.ok) return definition;
  const throughput = throughputOf(request);
  if (!throughput.ok) return throughput;
  const created = await catalog.createContainer(databaseId, definition.value, throughput.value, clock());
  return created.ok ? reply(201, created.value) : created;
}

/** Sizes in KiB. */
function quota({ items }: ContainerRecord): Record<string, string> {
  const { count, bytes } = items.usage();
  const size = Math.ceil(bytes / 1_024);
  return {
    'x-ms-resource-quota':
      'functions=50;storedProcedures=100;triggers=25;documentSize=10240;documentsSize=10485760;documentsCount=-1;collectionSize=10485760;',
    'x-ms-resource-usage': `functions=0;storedProcedures=0;triggers=0;documentSize=${size};documentsSize=${size};documentsCount=${count};collectionSize=${size};`,
    'x-ms-documentdb-collection-index-transformation-progress': '100',
  };
}

async function replace(
  context: ServiceContext,
  request: CosmosRequest,
  found: ContainerRecord,
): Promise<Outcome<Reply>> {
  const body = parseJson(request.body);
  if (!body.ok) return body;
  const definition = checkDefinition(body.value);
  if (!definition.ok) return definition;
  if (definition.value.id !== found.id) return fail('BadRequest', 'The id of a container cannot be changed.');
  if (JSON.stringify(definition.value.partitionKey) !== JSON.stringify(found.definition.partitionKey)) {
    return fail('BadRequest', 'The partition key of a container cannot be changed.');
  }
  if (canonical(definition.value.uniqueKeyPolicy) !== canonical(found.definition.uniqueKeyPolicy)) {
    return fail('BadRequest', 'The unique keys of a container cannot be changed.');
  }
  const replaced = await context.catalog.replaceContainer(found, definition.value, context.clock());
  return replaced.ok ? reply(200, replaced.value) : replaced;
}

/** `/dbs/{id}/colls/{id}` */
export async function onContainer(
  context: ServiceContext,
  request: CosmosRequest,
  database: string,
  id: string,
): Promise<Outcome<Reply>> {
  const found = context.catalog.container(database, id);
  if (!found.ok) return found;
  switch (request.method) {
    case 'GET': {
      const answer = reply(200, found.value);
      if (!answer.ok || !flag(request, 'x-ms-documentdb-populatequotainfo')) return answer;
      return ok({ ...answer.value, headers: { ...answer.value.headers, ...quota(found.value) } });
    }
    case 'PUT':
      return replace(context, request, found.value);
    case 'DELETE': {
      const failure = await context.catalog.deleteContainer(found.value);
      return failure ?? ok({ status: 204, charge: 5 });
    }
    default:
      return methodNotAllowed(request);
  }
}

/** `/dbs/{id}/colls/{id}/pkranges`: the physical partitions. */
export function onRanges(
  context: ServiceContext,
  request: CosmosRequest,
  database: string,
  id: string,
): Outcome<Reply> {
  const found = context.catalog.container(database, id);
  if (!found.ok) return found;
  if (request.method !== 'GET') return methodNotAllowed(request);
  const { rid, self, ranges, etag, ts } = found.value;
  const documents = ranges.map((range) => ({
    _rid: `${rid}${String(range.id).padStart(4, '0')}`,
    id: String(range.id),
    _etag: etag,
    minInclusive: range.min,
    maxExclusive: range.max,
    ridPrefix: range.id,
    _self: `${self}pkranges/${range.id}/`,
    throughputFraction: 1 / ranges.length,
    status: 'online',
    parents: [],
    _ts: Math.floor(ts / 1_000),
  }));
  return ok(feedReply('PartitionKeyRanges', rid, documents));
}
