import { BindingOptions, type Settings } from './binding-options';
import type { BindingMetadata } from './protocol';

/** Where a feed without a lease begins. */
export type FeedStart = 'now' | 'beginning' | Date;

/** https://learn.microsoft.com/azure/cosmos-db/change-feed-modes */
export type FeedMode = 'LatestVersion' | 'AllVersionsAndDeletes';

export interface ContainerReference {
  connectionString: string;
  database: string;
  container: string;
}

/** A Cosmos DB trigger, as the app registered it: https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-trigger */
export interface CosmosTrigger {
  monitored: ContainerReference;
  leases: ContainerReference & {
    /** Before the ids of the lease documents. */
    prefix: string;
    create: boolean;
    /** RU/s of a container that is created. */
    throughput: number | undefined;
  };
  pollDelayMs: number;
  maxItems: number;
  mode: FeedMode;
  start: FeedStart;
}

/** https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-trigger#configuration */
const DEFAULT_POLL_DELAY_MS = 5_000;
/** What the service gives when nothing is asked for. */
const DEFAULT_MAX_ITEMS = 100;
const DEFAULT_LEASE_CONTAINER = 'leases';

/** @throws with the reason when the options cannot be used. */
export function readCosmosTrigger(binding: BindingMetadata, settings: Settings): CosmosTrigger {
  const options = new BindingOptions(binding, settings);
  const mode = feedMode(options);
  const connection = options.connectionString('connection');
  const database = options.requiredText('databaseName');
  return {
    monitored: { connectionString: connection, database, container: options.requiredText('containerName') },
    leases: {
      connectionString: options.text('leaseConnection')
        ? options.connectionString('leaseConnection')
        : connection,
      database: options.text('leaseDatabaseName') ?? database,
      container: options.text('leaseContainerName') ?? DEFAULT_LEASE_CONTAINER,
      prefix: options.text('leaseContainerPrefix') ?? '',
      create: options.flag('createLeaseContainerIfNotExists'),
      throughput: options.integer('leasesContainerThroughput', 1),
    },
    // Zero means the default on the platform, too.
    pollDelayMs: options.integer('feedPollDelay', 0) || DEFAULT_POLL_DELAY_MS,
    maxItems: options.integer('maxItemsPerInvocation', 0) || DEFAULT_MAX_ITEMS,
    mode,
    start: feedStart(options, mode),
  };
}

function feedMode(options: BindingOptions): FeedMode {
  const text = options.text('changeFeedMode') ?? 'LatestVersion';
  if (text === 'LatestVersion' || text === 'AllVersionsAndDeletes') return text;
  throw new Error(`its changeFeedMode "${text}" is neither LatestVersion nor AllVersionsAndDeletes`);
}

function feedStart(options: BindingOptions, mode: FeedMode): FeedStart {
  const beginning = options.flag('startFromBeginning');
  const time = options.text('startFromTime');
  if (mode === 'AllVersionsAndDeletes' && (beginning || time !== undefined)) {
    const option = beginning ? 'startFromBeginning' : 'startFromTime';
    throw new Error(`its ${option} is not supported with the changeFeedMode ${mode}, which begins now`);
  }
  if (time === undefined) return beginning ? 'beginning' : 'now';
  if (beginning) throw new Error('only one of startFromBeginning and startFromTime can be used');
  const date = new Date(time);
  if (Number.isNaN(date.getTime()))
    throw new Error(`its startFromTime "${time}" is no time such as 2021-02-16T14:19:29Z`);
  return date;
}
