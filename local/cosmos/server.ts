import { createSecretKey, type KeyObject } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Service } from '../shared/child';
import { Database } from '../shared/database';
import { DiskFullError } from '../shared/files';
import { listen, LOOPBACK } from '../shared/listen';
import { log } from '../shared/log';
import { authorize } from './auth';
import { fail, ok, type Failure, type Outcome } from './errors';
import {
  asciiHeader,
  chargeOf,
  failureReply,
  header,
  readBody,
  sendReply,
  type CosmosRequest,
  type Reply,
} from './http';
import { readAccount } from './operations/account';
import { onContainer, onContainers, onRanges } from './operations/containers';
import type { ServiceContext } from './operations/context';
import { onDatabase, onDatabases } from './operations/databases';
import { feedReply } from './operations/feed';
import { onItem, onItems } from './operations/items';
import { refuseMalformed } from './malformed';
import { onKeyDeletion } from './operations/key-deletion';
import { onOffer, onOffers } from './operations/offers';
import { parseRoute, signedResource, type Route } from './routes';
import { Catalog } from './store/catalog';
import { startPurging } from './store/purge';
import { Throttle } from './throttle';

export interface CosmosOptions {
  /** Folder of the store; created when missing. */
  readonly dataDir: string;
  /** 0 asks for a free port. */
  readonly port: number;
  /** The account key, base64. */
  readonly key: string;
  /** Answer 429 beyond the throughput with which a container was created. Off by default. */
  readonly enforceThroughput?: boolean;
  /** Limits the store's size in pages of 4 KiB, so that tests can fill the disk. */
  readonly maxPages?: number;
  /** Milliseconds since the epoch; tests set it to let items expire. */
  readonly clock?: () => number;
}

/** Longer than the idle time of any client: it does not retry a write on a closed connection. */
const KEEP_ALIVE_MS = 120_000;

/** SQLite's own default of 2 MB reads most pages from the file again for each request. */
const CACHE_KIB = 65_536;
/** Pages of 4 KiB in the log before they are copied to the store: at 16 MB hot pages are copied once, not each time. */
const CHECKPOINT_PAGES = 4_000;

function route(
  context: ServiceContext,
  request: CosmosRequest,
  to: Route,
): Outcome<Reply> | Promise<Outcome<Reply>> {
  switch (to.kind) {
    case 'account':
      return readAccount(request);
    case 'databases':
      return onDatabases(context, request);
    case 'database':
      return onDatabase(context, request, to.database);
    case 'containers':
      return onContainers(context, request, to.database);
    case 'container':
      return onContainer(context, request, to.database, to.container);
    case 'items':
      return onItems(context, request, to.database, to.container);
    case 'item':
      return onItem(context, request, to);
    case 'ranges':
      return onRanges(context, request, to.database, to.container);
    case 'keyDeletion':
      return onKeyDeletion(context, request, to.database, to.container);
    case 'conflicts': {
      const found = context.catalog.container(to.database, to.container);
      return found.ok ? ok(feedReply('Conflicts', found.value.rid, [])) : found;
    }
    case 'offers':
      return onOffers(context, request);
    case 'offer':
      return onOffer(context, request, to.offer);
    case 'unknown':
      return fail('NotImplemented', `The resource type "${to.what}" is not implemented by this endpoint.`);
    default:
      return to satisfies never;
  }
}

/** Headers that tell clients which container they spoke with, and how far it has come. */
function containerHeaders(context: ServiceContext, to: Route): Record<string, string> {
  if (!('container' in to)) return {};
  const found = context.catalog.container(to.database, to.container);
  if (!found.ok) return {};
  const { num, rid, ranges } = found.value;
  const lsn = context.catalog.lastLsn(num);
  return {
    'x-ms-session-token': ranges.map(({ id }) => `${id}:-1#${lsn}`).join(','),
    'x-ms-alt-content-path': asciiHeader(`dbs/${to.database}/colls/${to.container}`),
    'x-ms-content-path': rid,
    lsn: String(lsn),
  };
}

function failureOf(error: unknown): Reply {
  if (error instanceof DiskFullError) {
    return failureReply(fail('InsufficientStorage', 'No space is left on the device; nothing was changed.'));
  }
  if (error instanceof RangeError)
    return failureReply(fail('BadRequest', 'The request is nested too deeply, or asks for too much.'));
  log(
    'cosmos',
    `a request failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  return failureReply(fail('InternalServerError', 'The request failed; see the log of this endpoint.'));
}

/** Refuses what no operation could make sense of. */
function checkHeaders(request: CosmosRequest): Failure | undefined {
  const count = header(request, 'x-ms-max-item-count');
  if (count === undefined || count === '-1' || /^[1-9]\d{0,9}$/.test(count)) return undefined;
  return fail('BadRequest', `The value "${count}" of the header x-ms-max-item-count is invalid.`);
}

async function answer(context: ServiceContext, key: KeyObject, incoming: IncomingMessage): Promise<Reply> {
  const { method = 'GET', url = '/', headers } = incoming;
  const body = await readBody(incoming);
  const host = header(incoming, 'host');
  // Not the clock of the store: clients sign by the machine's.
  const refused = authorize(key, method, signedResource(url), headers, Date.now());
  if (refused) return failureReply(refused);
  if (!body.ok) return failureReply(body);
  if (host === undefined) return failureReply(fail('BadRequest', 'The request has no Host header.'));
  const request: CosmosRequest = { method, headers, body: body.value, origin: `http://${host}` };
  const to = parseRoute(url);
  const outcome = checkHeaders(request) ?? (await route(context, request, to));
  const reply = outcome.ok ? outcome.value : failureReply(outcome);
  return { ...reply, headers: { ...containerHeaders(context, to), ...reply.headers } };
}

function openStore(options: CosmosOptions): { store: Database; catalog: Catalog } {
  const file = join(options.dataDir, 'cosmos.sqlite');
  const store = new Database(file);
  try {
    store.db.exec(`PRAGMA cache_size = -${CACHE_KIB}; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    if (options.maxPages !== undefined)
      store.db.exec(`PRAGMA max_page_count = ${Math.trunc(options.maxPages)}`);
    return { store, catalog: new Catalog(store) };
  } catch (error) {
    store.db.close();
    throw new Error(`The store ${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** The connection string for `CosmosClient`. */
export function cosmosConnectionString({ port, key }: { port: number; key: string }): string {
  return `AccountEndpoint=http://${LOOPBACK}:${port}/;AccountKey=${key};`;
}

/**
 * Starts a durable endpoint of the Cosmos DB API for NoSQL on loopback. Each answer to a write is sent after
 * the write is on disk.
 * @throws when the store is damaged (the message names the file, which stays as it is) or the port is taken.
 */
export async function startCosmos(options: CosmosOptions): Promise<Service> {
  const { store, catalog } = openStore(options);
  const clock = options.clock ?? Date.now;
  const context: ServiceContext = {
    store,
    catalog,
    clock,
    throttle: new Throttle(options.enforceThroughput ?? false, clock),
  };
  const key = createSecretKey(Buffer.from(options.key, 'base64'));
  let requests = 0;
  // In hundredths, of which sums are exact.
  let charged = 0;
  // Without a Host header Node would answer by itself, without a body.
  const server = createServer({ requireHostHeader: false }, (incoming, response) => {
    answer(context, key, incoming)
      .catch(failureOf)
      .then((reply) => {
        requests++;
        charged += Math.round(chargeOf(reply) * 100);
        sendReply(response, reply);
      })
      .catch((error: unknown) => {
        log('cosmos', `an answer could not be sent: ${String(error)}`);
        response.destroy();
      });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  refuseMalformed(server);
  let port: number;
  try {
    port = await listen(server, options.port, 'the Cosmos DB endpoint');
  } catch (error) {
    store.close();
    throw error;
  }
  const stopPurging = startPurging(context);
  return {
    port,
    counters: () => ({ requests, requestUnits: charged / 100 }),
    async dispose() {
      stopPurging();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // What is queued gets its answer before the connections go.
      store.flush();
      setImmediate(() => server.closeAllConnections());
      await closed;
      store.close();
    },
  };
}
