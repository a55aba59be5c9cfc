import { flag, json, problem, type Answer, type DurableRequest } from './answer';
import type { DurableEngine } from './engine';
import type { ListQuery } from './query';
import { statusJson } from './status';
import type { RuntimeStatus } from './schema';

/** https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-instance-management#query-instances */
const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 1_000;
const TOKEN_HEADER = 'x-ms-continuation-token';

/** The names are case-sensitive; unknown ones are ignored, and a filter of only such ones is none. */
const STATUSES: readonly string[] = [
  'Running',
  'Completed',
  'ContinuedAsNew',
  'Failed',
  'Canceled',
  'Terminated',
  'Pending',
  'Suspended',
  'Unknown',
];

/** The statuses that a query names; undefined when it names none. */
export function statusesOf(query: URLSearchParams): readonly RuntimeStatus[] | undefined {
  const named = query.getAll('runtimeStatus').flatMap((value) => value.split(','));
  const known = named.filter((name) => STATUSES.includes(name));
  return known.length > 0 ? (known as RuntimeStatus[]) : undefined;
}

/** A time that a query names, Unix milliseconds; undefined when it names none. */
export function timeOf(query: URLSearchParams, name: string): number | undefined {
  const time = Date.parse(query.get(name) ?? '');
  return Number.isNaN(time) ? undefined : time;
}

/** A token is the next page's first id in base64; undefined when it is none of ours. */
function readToken(token: string): string | undefined {
  const bytes = Buffer.from(token, 'base64');
  return bytes.toString('base64') === token ? bytes.toString('utf8') : undefined;
}

function page(items: string[], next: string | undefined): Answer {
  const token = next === undefined ? '' : Buffer.from(next, 'utf8').toString('base64');
  return json(200, `[${items.join(',')}]`, { [TOKEN_HEADER]: token });
}

/** `GET instances`: the instances in the order of their ids, page by page. */
export function listInstances(engine: DurableEngine, request: DurableRequest): Answer {
  const { query } = request;
  const top = /^-?\d+$/.test(query.get('top') ?? '') ? Number(query.get('top')) : DEFAULT_PAGE;
  if (top <= 0) {
    return problem(400, 'One or more of the arguments submitted is incorrect', {
      ExceptionMessage: 'Take count must be positive and greater than 0.',
      ExceptionType: 'System.ArgumentException',
    });
  }
  const token = String(request.headers[TOKEN_HEADER] ?? '');
  const from = readToken(token);
  if (from === undefined) return page([], undefined);
  const statuses = statusesOf(query);
  const createdFrom = timeOf(query, 'createdTimeFrom');
  const createdTo = timeOf(query, 'createdTimeTo');
  const filter: ListQuery = {
    from,
    prefix: query.get('instanceIdPrefix') ?? '',
    top: Math.min(top, LARGEST_PAGE),
    ...(statuses ? { statuses } : {}),
    ...(createdFrom === undefined ? {} : { createdFrom }),
    ...(createdTo === undefined ? {} : { createdTo }),
  };
  const { instances, next } = engine.list(filter);
  const showInput = flag(query, 'showInput') ?? true;
  return page(
    instances.map((row) => statusJson(row, { showInput })),
    next,
  );
}
