import { readCharge } from '../charge';
import { fail, ok, type Outcome } from '../errors';
import { header, type CosmosRequest, type Reply } from '../http';
import { pageItems } from '../query/run';
import type { ContainerRecord } from '../store/resources';
import { isExpired, systemMembers, type FeedItem } from '../store/items';
import { allOf, sql } from '../store/sql';
import type { ServiceContext } from './context';
import { FeedBody, feedHeaders, parseContinuation } from './feed-body';
import { scopeOf, type FeedScope } from './scope';
import { readAllVersions } from './version-feed';

const LATEST_VERSION = 'incremental feed';
const ALL_VERSIONS = 'full-fidelity feed';

/** Whether the GET asks for changes and not for the items. */
export function isChangeFeed(request: CosmosRequest): boolean {
  return header(request, 'a-im') !== undefined;
}

/** Changes come after this number, or, once only, from this time on. */
interface Start {
  readonly after: number;
  readonly since: number | undefined;
}

function startOf(request: CosmosRequest, newest: number): Outcome<Start> {
  const condition = header(request, 'if-none-match');
  if (condition === '*') return ok({ after: newest, since: undefined });
  if (condition !== undefined) {
    const after = parseContinuation(condition);
    return after.ok ? ok({ after: after.value, since: undefined }) : after;
  }
  const time = header(request, 'if-modified-since');
  if (time === undefined) return ok({ after: 0, since: undefined });
  const since = Date.parse(time);
  if (Number.isNaN(since)) return fail('BadRequest', 'If-Modified-Since is no valid date.');
  return ok({ after: 0, since });
}

/** Items of the scope changed after `start`, oldest change first. */
function changes(container: ContainerRecord, scope: FeedScope, start: Start): Iterable<FeedItem> {
  const { items } = container;
  const [range, ...others] = scope.ranges;
  const one = range !== undefined && others.length === 0;
  const terms = [sql('lsn > ?', start.after), sql(scope.sql, ...scope.parameters)];
  if (start.since !== undefined) terms.push(sql('ts >= ?', start.since));
  // Read in order from where the reader is: a page costs what it holds, not what its partition holds.
  if (one) terms.unshift(sql('rng = ?', range.id));
  return items.readFeed({ from: one ? items.feedIndex : items.name, where: allOf(terms), order: 'lsn' });
}

/**
 * The latest version of each item changed since the continuation, which is the `etag` of
 * the answer before. Nothing new: 304, with an `etag` as well.
 */
function readLatestVersions(
  context: ServiceContext,
  container: ContainerRecord,
  request: CosmosRequest,
): Outcome<Reply> {
  const scope = scopeOf(container, request);
  if (!scope.ok) return scope;
  const ranges = scope.value.ranges.map(({ id }) => id);
  const refused = context.throttle.checkAll(container, ranges);
  if (refused) return refused;
  const newest = context.catalog.lastLsn(container.num);
  const start = startOf(request, newest);
  if (!start.ok) return start;
  const now = context.clock();
  const maxItems = pageItems(header(request, 'x-ms-max-item-count'));
  const page = new FeedBody(container.rid);
  let charge = 1;
  // What has expired is passed over; the end of the feed is the newest number given so far.
  let reached = newest;
  for (const item of changes(container, scope.value, start.value)) {
    if (!page.hasRoom(maxItems, item.body.length)) {
      reached = item.lsn - 1;
      break;
    }
    if (isExpired(item, container.definition.defaultTtl, now)) continue;
    charge += readCharge(
      page.add(item.body.subarray(0, -1), `${systemMembers(container, item)},"_lsn":${item.lsn}}`),
    );
  }
  const headers = feedHeaders(Math.max(reached, start.value.after), scope.value, page.count);
  context.throttle.spendOver(container, ranges, charge);
  if (page.count === 0) return ok({ status: 304, headers, charge });
  return ok({ status: 200, headers, charge, body: page.toBuffer() });
}

/** `GET …/docs` with `A-IM`. */
export function readChangeFeed(
  context: ServiceContext,
  container: ContainerRecord,
  request: CosmosRequest,
): Outcome<Reply> | Promise<Outcome<Reply>> {
  const mode = header(request, 'a-im')?.toLowerCase();
  if (mode === ALL_VERSIONS) return readAllVersions(context, container, request);
  if (mode === LATEST_VERSION) return readLatestVersions(context, container, request);
  return fail('BadRequest', `The A-IM header "${mode ?? ''}" is not known.`);
}
