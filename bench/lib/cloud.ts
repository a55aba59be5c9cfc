import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startLocalCloud, type LocalCloud } from '../../local/start';

/**
 * - `engine`: the tiny app of `bench/apps/durable` in the Functions host, and nothing else
 * - `stores`: the same, and the stores beside it
 * - `everything`: the stores and the built app itself
 * - `flex`: the same, with workers of their own for HTTP functions, the durable ones, and the others
 */
export type Setup = 'engine' | 'stores' | 'everything' | 'flex';

/** A local cloud as the benches see it. */
export interface Cloud {
  /** `http://127.0.0.1:<port>` of the Functions host. */
  readonly hostUrl: string;
  /** Opens the Durable HTTP API. */
  readonly systemKey: string;
  /** Opens the app's own routes. */
  readonly functionKey: string;
  readonly blobConnectionString: string;
  readonly eventHubsConnectionString: string;
  readonly cosmosConnectionString: string;
  /** The event hub that is there. */
  readonly hub: string;
  /** Process ids by name of the service. */
  processes(): ReadonlyMap<string, number>;
  counters(): Promise<Counters>;
  /** Ends all processes and removes the store. */
  dispose(): Promise<void>;
}

/** What the services have counted since they started; null stands for what they cannot tell. */
export interface Counters {
  /** Executions of activities. */
  readonly activities: number | null;
  /** Rows that the platform's history would have. */
  readonly historyEvents: number | null;
  readonly storageTransactions: number | null;
  /** Sends, whatever the number of events in them. */
  readonly eventHubOperations: number | null;
  readonly cosmosRequests: number | null;
  readonly requestUnits: number | null;
}

const HUB = 'records';
const PARTITIONS = 4;

/**
 * Starts a local cloud on an empty store, which lies beside the project's own, on the same disk.
 * @param settings further settings of the app
 */
export async function startCloud(
  setup: Setup,
  root: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Cloud> {
  const stateDir = temporaryState(root, setup);
  const remove = (): void => rmSync(stateDir, { recursive: true, force: true });
  try {
    const cloud = await startLocalCloud({
      appDir: setup === 'everything' || setup === 'flex' ? root : join(root, 'bench', 'apps', 'durable'),
      scaleGroups: setup === 'flex',
      stateDir,
      ports: { blob: 0, eventhubs: 0, cosmos: 0, functions: 0 },
      settings: {
        HEADWATER_SIGNING_KEY: randomBytes(32).toString('hex'),
        HEADWATER_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
        HEADWATER_ALLOW_LOCAL_WEBHOOKS: 'true',
        ...settings,
      },
      hubs: {
        [HUB]: { partitions: PARTITIONS },
        ingress: { partitions: PARTITIONS, consumerGroups: ['gaps'] },
      },
      ...(setup === 'engine' ? { stores: [] } : {}),
    });
    await cloud.ready('functions');
    return view(cloud, remove);
  } catch (error) {
    remove();
    throw error;
  }
}

/** A new folder below `.headwater`. */
export function temporaryState(root: string, name: string): string {
  const folder = join(root, '.headwater');
  mkdirSync(folder, { recursive: true });
  return mkdtempSync(join(folder, `bench-${name}-`));
}

/** The settings under which the services' SDKs find them. */
export function connectionsOf(cloud: Cloud): Record<string, string> {
  return {
    AzureWebJobsStorage: cloud.blobConnectionString,
    EventHubs: cloud.eventHubsConnectionString,
    Cosmos: cloud.cosmosConnectionString,
  };
}

function view(cloud: LocalCloud, remove: () => void): Cloud {
  const setting = (name: string): string => cloud.settings[name] ?? '';
  return {
    hostUrl: cloud.url,
    systemKey: cloud.keys.functions.system,
    functionKey: cloud.keys.functions.function,
    blobConnectionString: setting('AzureWebJobsStorage'),
    eventHubsConnectionString: setting('EventHubs'),
    cosmosConnectionString: setting('Cosmos'),
    hub: HUB,
    processes: () => new Map(cloud.children.map(({ name, pid }) => [name, pid])),
    counters: async () => countersOf(await cloud.counters()),
    async dispose() {
      await cloud.dispose();
      remove();
    },
  };
}

function countersOf(services: Awaited<ReturnType<LocalCloud['counters']>>): Counters {
  const { functions, blob, eventhubs, cosmos } = services;
  return {
    activities: functions?.['activities'] ?? null,
    historyEvents: functions?.['historyEvents'] ?? null,
    storageTransactions: blob?.['transactions'] ?? null,
    eventHubOperations: eventhubs?.['operations'] ?? null,
    cosmosRequests: cosmos?.['requests'] ?? null,
    requestUnits: cosmos?.['requestUnits'] ?? null,
  };
}
