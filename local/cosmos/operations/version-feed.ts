import { readCharge } from '../charge';
import { fail, ok, type Outcome } from '../errors';
import { header, type CosmosRequest, type Reply } from '../http';
import { keyNames, type PartitionKeyDefinition } from '../partition-key';
import { pageItems } from '../query/run';
import type { ContainerRecord } from '../store/resources';
import type { ChangeLog, LoggedChange } from '../store/change-log';
import { systemMembers } from '../store/items';
import { allOf, sql } from '../store/sql';
import type { ServiceContext } from './context';
import { FeedBody, feedHeaders, parseContinuation } from './feed-body';
import { scopeOf, type FeedScope } from './scope';

const OUT_OF_RETENTION = fail(
  'BadRequest',
  'You must read the change feed from within the retention period.',
);

/**
 * After which change the feed goes on: from now on, which begins the container's log, or from a continuation that the
 * log reaches back to. It can be read neither from the beginning nor from a time.
 */
async function startOf(
  { catalog }: ServiceContext,
  { num, id }: ContainerRecord,
  request: CosmosRequest,
): Promise<Outcome<number>> {
  const condition = header(request, 'if-none-match');
  if (condition === undefined) return OUT_OF_RETENTION;
  if (condition === '*') {
    if (!(await catalog.logs.start(num))) return fail('NotFound', `Container "${id}" does not exist.`);
    return ok(catalog.lastLsn(num));
  }
  const after = parseContinuation(condition);
  if (!after.ok) return after;
  const since = catalog.logs.since(num);
  return since === undefined || after.value < since ? OUT_OF_RETENTION : after;
}

function changes(log: ChangeLog, scope: FeedScope, after: number): Iterable<LoggedChange> {
  const [range, ...others] = scope.ranges;
  const one = range !== undefined && others.length === 0;
  const terms = [sql('lsn > ?', after), sql(scope.sql, ...scope.parameters)];
  if (one) terms.unshift(sql('rng = ?', range.id));
  return log.read({ from: one ? log.feedIndex : log.name, where: allOf(terms), order: 'lsn' });
}

/** The values of a stored partition key by the names of its paths; what the item lacked is left out. */
function keyByName(pk: string, definition: PartitionKeyDefinition): Record<string, unknown> {
  const values = JSON.parse(pk) as unknown[];
  const isPresent = (value: unknown): boolean => typeof value !== 'object' || value === null;
  return Object.fromEntries(
    keyNames(definition)
      .map((name, n) => [name, values[n]] as const)
      .filter(([, value]) => value !== undefined && isPresent(value)),
  );
}

/**
 * An entry as https://learn.microsoft.com/azure/cosmos-db/change-feed-modes#parse-the-response-object shows it: without
 * previous versions, which the service does not give.
 */
function entry(container: ContainerRecord, change: LoggedChange): (Uint8Array | string)[] {
  const { lsn, type: operationType, previous, body } = change;
  const metadata: Record<string, unknown> = { operationType, lsn, crts: Math.floor(change.ts / 1_000) };
  if (previous !== null) metadata['previousImageLSN'] = previous;
  if (body) {
    const members = systemMembers(container, change);
    return ['{"current":', body.subarray(0, -1), `${members}},"metadata":${JSON.stringify(metadata)}}`];
  }
  metadata['timeToLiveExpired'] = change.expired === 1;
  metadata['id'] = change.id;
  metadata['partitionKey'] = keyByName(change.pk, container.definition.partitionKey);
  return [Buffer.from(JSON.stringify({ metadata }))];
}

/** Every version of each item changed since the continuation, and every deletion, in the order of the changes. */
export async function readAllVersions(
  context: ServiceContext,
  container: ContainerRecord,
  request: CosmosRequest,
): Promise<Outcome<Reply>> {
  const scope = scopeOf(container, request);
  if (!scope.ok) return scope;
  const ranges = scope.value.ranges.map(({ id }) => id);
  const refused = context.throttle.checkAll(container, ranges);
  if (refused) return refused;
  const start = await startOf(context, container, request);
  if (!start.ok) return start;
  const maxItems = pageItems(header(request, 'x-ms-max-item-count'));
  const page = new FeedBody(container.rid);
  let charge = 1;
  let reached = context.catalog.lastLsn(container.num);
  for (const change of changes(context.catalog.logs.of(container.num), scope.value, start.value)) {
    if (!page.hasRoom(maxItems, change.body?.length ?? 0)) {
      reached = change.lsn - 1;
      break;
    }
    charge += readCharge(page.add(...entry(container, change)));
  }
  context.throttle.spendOver(container, ranges, charge);
  const headers = feedHeaders(Math.max(reached, start.value), scope.value, page.count);
  if (page.count === 0) return ok({ status: 304, headers, charge });
  return ok({ status: 200, headers, charge, body: page.toBuffer() });
}
