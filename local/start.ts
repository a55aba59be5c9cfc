import { join, resolve } from 'node:path';
import type { Counters } from './shared/child';
import { entryPoint } from './shared/entry';
import { log } from './shared/log';
import { loadKeys, readKeys, type Keys } from './supervisor/keys';
import { takeLock, type Lock } from './supervisor/lock';
import { ManagedChild, ServiceStartError } from './supervisor/managed-child';
import { clearStateDir, prepareStateDir, type ServiceName } from './supervisor/state-dir';

export { ServiceStartError };
export type { Counters, Keys, ServiceName };

type StoreName = Exclude<ServiceName, 'functions'>;

export interface LocalCloudOptions {
  /** Folder of the built app; without one there are the stores only, and no Functions host. */
  appDir?: string;
  /** Folder of everything durable, usually `.headwater`. */
  stateDir: string;
  /** Defaults: {@link DEFAULT_PORTS}; 0 asks for a free one. */
  ports?: Partial<Record<ServiceName, number>>;
  /** Worker processes of the app; default: FUNCTIONS_WORKER_PROCESS_COUNT, else 1. */
  workers?: number;
  /**
   * Runs HTTP functions, the durable ones, and the others in workers of their own, as the plan Flex Consumption does, and
   * lets those go first that a request waits for. Default: all of them share each worker.
   */
  scaleGroups?: boolean;
  /** Throws away the state of earlier runs, keys included. */
  fresh?: boolean;
  /** Further app settings; they win over local.settings.json. A function may derive secrets from the store's keys. */
  settings?: Record<string, string> | ((keys: Keys) => Record<string, string>);
  /** Event hubs to offer, as `local/eventhubs` takes them. */
  hubs?: Record<string, { partitions: number; consumerGroups?: readonly string[] }>;
  /** The stores to start; default: all. */
  stores?: readonly StoreName[];
  /** Environment of all child processes. */
  environment?: Record<string, string>;
  /**
   * Lets local.settings.json and the environment win over the connection strings and `settings`. Default: those given
   * win, so that an app cannot be led to another store by accident.
   */
  appSettingsFirst?: boolean;
  /** Lets functions of the level `function` answer without a key, as the Core Tools do. */
  noKeys?: boolean;
  /** Where the children's standard output goes; default: to this process's own. */
  output?: 'stdout' | 'stderr';
  /** Ends everything in order, then the process, at Ctrl-C or SIGTERM, also while it starts. */
  endOnSignals?: boolean;
  /** Called once for each service, when it serves for the first time. */
  onReady?: (name: ServiceName, endpoint: string) => void;
  /** Modules preloaded into the workers, for tests. */
  workerRequire?: readonly string[];
}

/** Those of the usual emulators and of the Functions Core Tools. */
export const DEFAULT_PORTS: Record<ServiceName, number> = {
  blob: 10_000,
  eventhubs: 5_672,
  cosmos: 8_081,
  functions: 7_071,
};

/** The settings by which apps find the stores. */
const CONNECTION_SETTINGS: Record<StoreName, string> = {
  blob: 'AzureWebJobsStorage',
  eventhubs: 'EventHubs',
  cosmos: 'Cosmos',
};

/** Requests at a door are answered by the Functions host and the event hubs. */
const BACKGROUND: ReadonlySet<ServiceName> = new Set(['blob', 'cosmos']);

export interface LocalCloud {
  /** The folder of everything durable. */
  readonly stateDir: string;
  /** Whether nothing was stored before this start. */
  readonly isNew: boolean;
  /** Where the Functions host serves, without a slash at the end. @throws when there is none. */
  readonly url: string;
  readonly ports: Readonly<Partial<Record<ServiceName, number>>>;
  /** App settings with the connection strings, as the app sees them. */
  readonly settings: Readonly<Record<string, string>>;
  readonly keys: Keys;
  /** The child processes that are alive. */
  readonly children: { name: ServiceName; pid: number }[];
  /** For fault tests: sends a signal to a child, which is then restarted. */
  kill(name: ServiceName, signal: NodeJS.Signals): void;
  /** Resolves when a service serves, also when it is just being restarted. */
  ready(name: ServiceName): Promise<void>;
  /**
   * What each service has answered since its process started (`README.md` names the counters).
   * @throws when one of them ends before it answers.
   */
  counters(): Promise<Partial<Record<ServiceName, Counters>>>;
  /** Ends everything in order: the Functions host first, then the stores. */
  dispose(): Promise<void>;
}

/**
 * Starts the local cloud: the stores, then the Functions host with the app; child processes all of them, which
 * are restarted on the same port and state when they die.
 * @throws {ServiceStartError} when a service cannot start (port in use, disk full); what had started has ended.
 * @throws when another process uses the state folder, or the folder is not ours.
 */
export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  const stateDir = prepareStateDir(options.stateDir);
  const lock = await takeLock(stateDir);
  const cloud = new Cloud(options, stateDir, lock);
  if (options.endOnSignals) disposeOnSignals(cloud);
  try {
    if (options.fresh) clearStateDir(stateDir);
    await cloud.start();
  } catch (error) {
    await cloud.dispose();
    throw error;
  }
  return cloud;
}

/** Ends the cloud, then the process, at Ctrl-C or SIGTERM; a second Ctrl-C does not wait. */
export function disposeOnSignals(cloud: LocalCloud): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) {
      for (const { name } of cloud.children) cloud.kill(name, 'SIGKILL');
      process.exit(130);
    }
    stopping = true;
    log('supervisor', `${signal}: stopping`);
    cloud.dispose().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

class Cloud implements LocalCloud {
  isNew = false;
  keys!: Keys;
  settings: Record<string, string> = {};
  private readonly stores = new Map<StoreName, ManagedChild>();
  private functions: ManagedChild | undefined;
  private disposing: Promise<void> | undefined;

  constructor(
    private readonly options: LocalCloudOptions,
    readonly stateDir: string,
    private readonly lock: Lock,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.find('functions').port}`;
  }

  get ports(): Partial<Record<ServiceName, number>> {
    return Object.fromEntries(this.all().map(({ name, port }) => [name, port]));
  }

  get children(): { name: ServiceName; pid: number }[] {
    return this.all().flatMap(({ name, pid }) =>
      pid === undefined ? [] : [{ name: name as ServiceName, pid }],
    );
  }

  kill(name: ServiceName, signal: NodeJS.Signals): void {
    this.find(name).kill(signal);
  }

  async ready(name: ServiceName): Promise<void> {
    await this.find(name).ready();
  }

  async counters(): Promise<Partial<Record<ServiceName, Counters>>> {
    const told = await Promise.all(
      this.all().map(async (child) => [child.name, await child.counters()] as const),
    );
    return Object.fromEntries(told);
  }

  dispose(): Promise<void> {
    this.disposing ??= this.stop();
    return this.disposing;
  }

  async start(): Promise<void> {
    this.isNew = readKeys(this.stateDir) === undefined;
    this.keys = await loadKeys(this.stateDir);
    const { blob, eventhubs, cosmos } = this.keys;
    const specific: Record<StoreName, Record<string, unknown>> = {
      blob: { ...blob },
      eventhubs: { ...eventhubs, hubs: this.options.hubs ?? {} },
      cosmos: { ...cosmos },
    };
    for (const name of this.options.stores ?? (['blob', 'eventhubs', 'cosmos'] as const)) {
      this.stores.set(
        name,
        this.child(name, () => specific[name]),
      );
    }
    const { appDir, settings, onReady } = this.options;
    if (appDir !== undefined) this.functions = this.child('functions', () => this.hostOptions(appDir));
    // While the stores start, the host loads its code.
    this.functions?.prepare();
    // All of them end or start before one failure ends the rest.
    const outcomes = await Promise.allSettled(
      [...this.stores].map(async ([name, store]) => {
        await store.start();
        onReady?.(name, this.connectionString(name, store.port));
      }),
    );
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    const further = typeof settings === 'function' ? settings(this.keys) : settings;
    this.settings = { ...this.connectionSettings(), ...further };
    if (!this.functions) return;
    if (this.disposing) throw new Error('The local cloud was ended while it started.');
    await this.functions.start();
    this.settings['WEBSITE_HOSTNAME'] = `127.0.0.1:${this.functions.port}`;
    onReady?.('functions', this.url);
  }

  private hostOptions(appDir: string): Record<string, unknown> {
    const { workers, scaleGroups, workerRequire, noKeys, appSettingsFirst } = this.options;
    return {
      appDir: resolve(appDir),
      workers,
      scaleGroups,
      keys: this.keys.functions,
      noKeys,
      ...(appSettingsFirst ? { defaults: this.settings, environment: {} } : { environment: this.settings }),
      workerRequire,
    };
  }

  private async stop(): Promise<void> {
    await this.functions?.stop();
    await Promise.all([...this.stores.values()].map((store) => store.stop()));
    this.lock.release();
  }

  /** Settings by the names that the real platform reads. */
  private connectionSettings(): Record<string, string> {
    const settings: Record<string, string> = {
      FUNCTIONS_WORKER_RUNTIME: 'node',
      FUNCTIONS_EXTENSION_VERSION: '~4',
    };
    if (this.options.workers !== undefined) {
      settings['FUNCTIONS_WORKER_PROCESS_COUNT'] = String(this.options.workers);
    }
    for (const [name, { port }] of this.stores) {
      settings[CONNECTION_SETTINGS[name]] = this.connectionString(name, port);
    }
    return settings;
  }

  private connectionString(name: StoreName, port: number): string {
    const { blob, eventhubs, cosmos } = this.keys;
    const texts: Record<StoreName, string> = {
      blob:
        `DefaultEndpointsProtocol=http;AccountName=${blob.account};AccountKey=${blob.key};` +
        `BlobEndpoint=http://127.0.0.1:${port}/${blob.account};`,
      eventhubs:
        `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=${eventhubs.keyName};` +
        `SharedAccessKey=${eventhubs.key};UseDevelopmentEmulator=true;`,
      cosmos: `AccountEndpoint=http://127.0.0.1:${port}/;AccountKey=${cosmos.key};`,
    };
    return texts[name];
  }

  private child(name: ServiceName, specific: () => Record<string, unknown>): ManagedChild {
    return new ManagedChild({
      name,
      entry: entryPoint(join(__dirname, name), 'main'),
      port: this.options.ports?.[name] ?? DEFAULT_PORTS[name],
      options: (port) => ({ dataDir: join(this.stateDir, name), port, ...specific() }),
      environment: this.options.environment ?? {},
      output: this.options.output ?? 'stdout',
      background: this.options.scaleGroups === true && BACKGROUND.has(name),
      onChange: () => this.lock.record(this.children.map(({ pid }) => pid)),
    });
  }

  private all(): ManagedChild[] {
    return [...this.stores.values(), ...(this.functions ? [this.functions] : [])];
  }

  private find(name: ServiceName): ManagedChild {
    const child = this.all().find((candidate) => candidate.name === name);
    if (!child) throw new Error(`${name} is not part of this local cloud.`);
    return child;
  }
}
