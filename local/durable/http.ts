import { empty, flag, json, problem, type Answer, type DurableRequest } from './answer';
import type { PauseResult, RewindResult } from './control';
import type { DurableEngine } from './engine';
import { decodeSegment, managementPayload, type LinkBase } from './links';
import { readJson } from './body';
import { listInstances, statusesOf, timeOf } from './list';
import { statusJson } from './status';
import { TERMINAL, type InstanceRow } from './schema';

export interface DurableHttpOptions {
  taskHub: string;
  /** Name of the connection in links; `Storage` on the platform. */
  connection: string;
  systemKey: string;
  /** Path under which {@link DurableHttp.management} is served; `/runtime/webhooks/durabletask` on the platform. */
  prefix: string;
}

export interface DurableHttp {
  /** The public Durable HTTP API; the caller has checked the system key. */
  management(request: DurableRequest): Promise<Answer>;
  /** The same for the SDK's client in a worker, which sends no key: for a loopback listener only. */
  rpc(request: DurableRequest): Promise<Answer>;
}

/** Path of the API for the SDK's client, the last part of `rpcBaseUrl`. */
export const RPC_PREFIX = '/durabletask';

interface Context {
  engine: DurableEngine;
  request: DurableRequest;
  links: LinkBase;
}

const START_RETRY_AFTER = '10';
const STATUS_RETRY_AFTER = '5';

function notSupported(what: string): Answer {
  return problem(501, `${what} is not supported here yet`);
}

function statusAnswer({ engine, request }: Context, row: InstanceRow): Answer {
  const { query } = request;
  const showHistory = flag(query, 'showHistory') ?? false;
  const options = {
    showInput: flag(query, 'showInput') ?? true,
    showHistory,
    showHistoryOutput: flag(query, 'showHistoryOutput') ?? false,
  };
  const body = statusJson(row, options, showHistory ? engine.history(row.seq) : undefined);
  if (!TERMINAL.includes(row.status)) {
    const search = query.toString();
    const location = `${request.origin}${request.path}${search === '' ? '' : `?${search}`}`;
    return json(202, body, { location, 'retry-after': STATUS_RETRY_AFTER });
  }
  const asError = row.status === 'Failed' && flag(query, 'returnInternalServerErrorOnFailure') === true;
  return json(asError ? 500 : 200, body);
}

function startedAnswer({ links }: Context, id: string): Answer {
  const payload = managementPayload(links, id);
  const location = payload['statusQueryGetUri'] ?? '';
  return json(202, JSON.stringify(payload), { location, 'retry-after': START_RETRY_AFTER });
}

const MAX_WAIT_SECONDS = 3_600;

/** Seconds to wait for the result, when the request asks for that. */
function waitOf(query: URLSearchParams): { seconds: number } | { answer: Answer } | undefined {
  const timeout = Number(query.get('timeout') ?? Number.NaN);
  const interval = Number(query.get('pollingInterval') ?? Number.NaN);
  if (!(timeout > 0) || !(interval > 0)) return undefined;
  if (interval > timeout) {
    return {
      answer: problem(400, `Total timeout ${timeout} should be bigger than retry timeout ${interval}`),
    };
  }
  return { seconds: Math.min(timeout, MAX_WAIT_SECONDS) };
}

async function start(context: Context, name: string, id: string | undefined): Promise<Answer> {
  const { engine, request } = context;
  const wait = waitOf(request.query);
  if (wait && 'answer' in wait) return wait.answer;
  let input: string | null = null;
  if (request.body.length > 0) {
    const body = readJson(request.body);
    if (!body.ok) return body.answer;
    input = body.text;
  }
  const version = request.query.get('version');
  const result = await engine.startInstance({ name, input, version, ...(id === undefined ? {} : { id }) });
  if (result.outcome === 'conflict') {
    return problem(409, `An Orchestration instance with the status ${result.status} already exists.`);
  }
  return awaited(context, result.id, wait?.seconds);
}

/** The links to an instance, or its result when that is there within so many seconds. */
async function awaited(context: Context, id: string, seconds: number | undefined): Promise<Answer> {
  if (seconds === undefined) return startedAnswer(context, id);
  const { engine } = context;
  await engine.whenEnded(id, seconds * 1_000);
  const row = engine.find(id);
  if (row?.status === 'Completed') return json(200, row.output ?? 'null');
  return row?.status === 'Failed' || row?.status === 'Terminated'
    ? statusAnswer(context, row)
    : startedAnswer(context, id);
}

/** https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-http-api#restart-instance */
async function restart(context: Context, id: string): Promise<Answer> {
  const { engine, request } = context;
  const wait = waitOf(request.query);
  if (wait && 'answer' in wait) return wait.answer;
  const result = await engine.restart(id, flag(request.query, 'restartWithNewInstanceId') ?? true);
  if (result.outcome === 'started') return awaited(context, result.id, wait?.seconds);
  if (result.outcome === 'notFound') {
    return problem(400, 'InstanceId does not match a valid orchestration instance.', {
      ExceptionMessage: `No instance with ID '${id}' was found. (Parameter 'instanceId')`,
      ExceptionType: 'System.ArgumentException',
    });
  }
  return problem(409, 'A non-terminal instance with this instance ID already exists.', {
    ExceptionMessage: `An Orchestration instance with the status ${result.status} already exists.`,
    ExceptionType: 'DurableTask.Core.Exceptions.OrchestrationAlreadyExistsException',
  });
}

function rewound(result: RewindResult, id: string): Answer {
  // The dollar sign is the platform's.
  const missing = `No orchestration with instance ID "$${id}" found.`;
  if (result.outcome !== 'refused')
    return result.outcome === 'done' ? empty(202) : json(404, JSON.stringify(missing));
  const text = `This orchestration has status ${result.status}, but only orchestrations in the "Failed" state can be rewound.`;
  return json(412, JSON.stringify(text));
}

async function raiseEvent({ engine, request }: Context, id: string, name: string): Promise<Answer> {
  const type = String(request.headers['content-type'] ?? '');
  if (type.split(';')[0]?.trim().toLowerCase() !== 'application/json') {
    return problem(400, 'Only application/json request content is supported');
  }
  const body = readJson(request.body);
  if (!body.ok) return body.answer;
  return changed(await engine.raiseEvent(id, name, body.text));
}

function changed(result: 'done' | 'notFound' | 'ended'): Answer {
  return empty({ done: 202, notFound: 404, ended: 410 }[result]);
}

async function purge({ engine }: Context, id: string): Promise<Answer> {
  const result = await engine.purge(id);
  if (result.outcome === 'notFound') return empty(404);
  if (result.outcome === 'purged') return json(200, '{"instancesDeleted":1}');
  const text =
    'Only orchestrations in a terminal state can be purged, but the orchestration with instance ID ' +
    `${id} has status ${result.status}`;
  return json(412, JSON.stringify(text));
}

/** The platform removes instances that run, too, unless a terminal status is asked for; here they stay. */
async function purgeBy({ engine, request: { query } }: Context): Promise<Answer> {
  const createdFrom = timeOf(query, 'createdTimeFrom');
  if (createdFrom === undefined)
    return json(400, '"Please provide value for \'createdTimeFrom\' parameter."');
  const createdTo = timeOf(query, 'createdTimeTo');
  const statuses = statusesOf(query);
  const purged = await engine.purgeBy({
    createdFrom,
    ...(createdTo === undefined ? {} : { createdTo }),
    ...(statuses ? { statuses } : {}),
  });
  return purged === 0 ? empty(404) : json(200, JSON.stringify({ instancesDeleted: purged }));
}

function paused(result: PauseResult, verb: string, id: string): Answer {
  if (result.outcome !== 'refused') return changed(result.outcome);
  return problem(500, 'Something went wrong while processing your request', {
    ExceptionMessage: `Cannot ${verb} the orchestration instance ${id} because instance is in the ${result.status} state.`,
    ExceptionType: 'System.InvalidOperationException',
  });
}

/** `instances/{id}/{operation}` */
async function operation(context: Context, id: string, name: string): Promise<Answer> {
  const { engine, request } = context;
  switch (name) {
    case 'terminate':
      return changed(await engine.terminate(id, request.query.get('reason')));
    case 'suspend':
      return paused(await engine.suspend(id, request.query.get('reason')), 'suspend', id);
    case 'resume':
      return paused(await engine.resumeInstance(id, request.query.get('reason')), 'resume', id);
    case 'rewind':
      return rewound(await engine.rewind(id, request.query.get('reason')), id);
    case 'restart':
      return restart(context, id);
    default:
      return empty(404);
  }
}

async function instances(context: Context, rest: string[]): Promise<Answer> {
  const { engine, request } = context;
  const [id, verb, name] = rest;
  if (id === undefined) {
    if (request.method === 'GET') return listInstances(engine, request);
    if (request.method !== 'DELETE') return empty(404);
    return purgeBy(context);
  }
  if (verb === undefined) {
    if (request.method === 'DELETE') return purge(context, id);
    if (request.method !== 'GET') return empty(404);
    const row = engine.find(id);
    return row ? statusAnswer(context, row) : empty(404);
  }
  if (request.method !== 'POST') return empty(404);
  const operationName = verb.toLowerCase();
  if (operationName === 'raiseevent' && name !== undefined && rest.length === 3)
    return raiseEvent(context, id, name);
  return rest.length === 2 ? operation(context, id, operationName) : empty(404);
}

async function route(context: Context, path: string): Promise<Answer> {
  const segments = path.split('/').filter((segment) => segment !== '');
  const [kind, ...rest] = segments.map(decodeSegment);
  // An escaped slash would make one segment look like two, and is refused by the platform too.
  if (rest.some((segment) => segment === undefined || segment.includes('/') || segment === '..'))
    return empty(404);
  const known = rest.filter((segment) => segment !== undefined);
  switch (kind?.toLowerCase() ?? '') {
    case 'orchestrators': {
      const [name, id] = known;
      if (context.request.method !== 'POST' || name === undefined || known.length > 2) return empty(404);
      return start(context, name, id);
    }
    case 'instances':
      return instances(context, known);
    case 'entities':
      return notSupported('The entities API');
    default:
      return empty(404);
  }
}

function below(path: string, prefix: string): string | undefined {
  const start = path.slice(0, prefix.length).toLowerCase();
  if (start !== prefix.toLowerCase()) return undefined;
  const rest = path.slice(prefix.length);
  return rest === '' || rest.startsWith('/') ? rest : undefined;
}

/**
 * The Durable HTTP API: https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-http-api
 * Expected refusals are answers; a broken store throws.
 */
export function createDurableHttp(engine: DurableEngine, options: DurableHttpOptions): DurableHttp {
  const prefix = options.prefix.replace(/\/$/, '');
  const serve = async (request: DurableRequest, path: string | undefined): Promise<Answer> => {
    if (path === undefined) return empty(404);
    const taskHub = request.query.get('taskHub') ?? options.taskHub;
    const connection = request.query.get('connection') ?? options.connection;
    const links = { origin: request.origin, prefix, taskHub, connection, systemKey: options.systemKey };
    return route({ engine, request, links }, path);
  };
  return {
    management: (request) => serve(request, below(request.path, prefix)),
    rpc: (request) => serve(request, below(request.path, RPC_PREFIX) ?? request.path),
  };
}
