import { join } from 'node:path';
import type { HostKeys } from './auth';
import { Durable } from './durable';
import { appSettings } from './app-settings';
import { readHostJson, readLocalSettings, type HostSettings } from './host-json';
import { HttpFront } from './http-front';
import { close } from './http-server';
import { Listeners } from './listeners';
import { Outputs } from './outputs';
import type { FunctionMetadata, Invocation, InvocationReply, LoadedApp } from './protocol';
import { Routes, unknownBinding } from './router';
import { Timers } from './timers';
import { WorkerPool } from './worker-pool';
import type { Counters, Service } from '../shared/child';
import { Database } from '../shared/database';
import { makeFolderDurably } from '../shared/files';
import { listen } from '../shared/listen';
import { log } from '../shared/log';

export interface FunctionsHostOptions {
  /** The folder of the built app: package.json, host.json, local.settings.json. */
  appDir: string;
  /** Where the host keeps orchestrations and timer schedules. */
  dataDir: string;
  /** 0 asks for a free port. */
  port: number;
  /** Worker processes; default: `FUNCTIONS_WORKER_PROCESS_COUNT`, else 1. */
  workers?: number;
  /** Whether HTTP functions, the durable ones, and the others each have so many workers of their own; default: no. */
  scaleGroups?: boolean;
  keys: HostKeys;
  /** Lets functions of the level `function` answer without a key, as the Core Tools do; default: no. */
  noKeys?: boolean;
  /** App settings; they win over local.settings.json and the environment of the process. */
  environment: Record<string, string>;
  /** App settings that are used where nothing else sets them. */
  defaults?: Record<string, string>;
  /** Modules preloaded into the workers, for tests. */
  workerRequire?: string[];
}

export interface FunctionsHost extends Service {
  /** Process ids of the workers now alive. */
  readonly workerPids: number[];
}

/** https://learn.microsoft.com/azure/azure-functions/functions-app-settings#functions_worker_process_count */
const MAX_WORKERS = 10;
/** https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#limits */
const DEFAULT_BODY_LIMIT = 104_857_600;
/** How long a stop waits for requests that functions are answering (ms). */
const DRAIN_MS = 2_000;
/** Orchestrator generators a worker keeps alive between episodes; beyond, the history is replayed. */
const MAX_KEPT_GENERATORS = 5_000;

/**
 * Starts the Functions host: listens, starts the workers, loads the app. An app that does not load is no
 * error: requests are answered 503 with the cause until it does.
 * @throws when the port is taken, host.json is invalid, or a store cannot be opened.
 */
export async function startFunctionsHost(options: FunctionsHostOptions): Promise<FunctionsHost> {
  makeFolderDurably(options.dataDir);
  const settings = appSettings(readLocalSettings(options.appDir), process.env, options);
  const host = new Host(options, readHostJson(options.appDir, settings), settings);
  try {
    await host.start();
  } catch (error) {
    await host.dispose();
    throw error;
  }
  return host;
}

class Host implements FunctionsHost {
  port = 0;
  private readonly front: HttpFront;
  private readonly bodyLimit: number;
  /**
   * Lower-case names of the functions that a setting turns off:
   * https://learn.microsoft.com/azure/azure-functions/disable-function
   */
  private readonly disabled = new Set<string>();
  /** Why a function, by its lower-case name, is not run. */
  private readonly refused = new Map<string, string>();
  private pool: WorkerPool | undefined;
  private routes: Routes | undefined;
  private timers: Timers | undefined;
  private listeners: Listeners | undefined;
  private outputs: Outputs | undefined;
  private durable: Durable | undefined;
  private database: Database | undefined;
  private httpStreams = false;

  constructor(
    private readonly options: FunctionsHostOptions,
    private readonly json: HostSettings,
    private readonly settings: Record<string, string>,
  ) {
    for (const [name, value] of Object.entries(this.settings)) {
      const match = /^AzureWebJobs\.(.+)\.Disabled$/i.exec(name);
      if (match?.[1] && /^(true|1)$/i.test(value)) this.disabled.add(match[1].toLowerCase());
    }
    this.bodyLimit = positive(this.settings, 'FUNCTIONS_REQUEST_BODY_SIZE_LIMIT', DEFAULT_BODY_LIMIT);
    this.front = new HttpFront({
      keys: options.keys,
      noKeys: options.noKeys ?? false,
      bodyLimit: this.bodyLimit,
      maxOutstandingRequests: json.maxOutstandingRequests,
      routes: () => this.routes,
      invoke: (invocation) => this.requirePool().invoke(invocation),
      management: () => this.durable?.management,
      problem: () => this.pool?.problem,
      streams: () => this.httpStreams,
      worker: async (name) => {
        const worker = await this.requirePool().acquire(name);
        return {
          httpPort: worker.httpPort,
          invoke: async (invocation) => this.settle(invocation, await worker.invoke(invocation)),
        };
      },
      unsupported: (name) => this.refused.get(name.toLowerCase()),
    });
  }

  get workerPids(): number[] {
    return this.pool?.pids ?? [];
  }

  async start(): Promise<void> {
    const { options, settings } = this;
    this.port = await listen(this.front.server, options.port, 'the Functions host');
    this.database = new Database(join(options.dataDir, 'timers.db'));
    settings['WEBSITE_HOSTNAME'] = `127.0.0.1:${this.port}`;
    this.durable = new Durable({
      origin: `http://127.0.0.1:${this.port}`,
      dataDir: options.dataDir,
      systemKey: options.keys.system,
      bodyLimit: this.bodyLimit,
      host: this.json,
      pool: () => this.requirePool(),
      runs: (name) => this.runs(name),
    });
    await this.durable.listen();
    this.pool = new WorkerPool(
      {
        appDir: options.appDir,
        environment: settings,
        require: options.workerRequire ?? [],
        functionTimeoutMs: this.json.functionTimeoutMs,
        durableClientData: this.durable.clientData,
        maxKeptGenerators: MAX_KEPT_GENERATORS,
      },
      {
        count: Math.min(
          options.workers ?? positive(settings, 'FUNCTIONS_WORKER_PROCESS_COUNT', 1),
          MAX_WORKERS,
        ),
        groups: options.scaleGroups ?? false,
      },
      {
        onApp: (app) => this.onApp(app),
        onOutputs: (invocation, reply) => this.settle(invocation, reply),
      },
    );
    await this.pool.settled();
  }

  counters(): Counters {
    return this.durable?.counters() ?? {};
  }

  async dispose(): Promise<void> {
    await Promise.all([this.timers?.stop(), this.listeners?.stop()]);
    const closed = close(this.front.server);
    await this.front.drained(DRAIN_MS);
    await this.durable?.dispose();
    await this.pool?.dispose();
    await this.outputs?.close();
    this.front.server.closeAllConnections();
    await closed;
    this.database?.close();
  }

  private onApp(app: LoadedApp): void {
    const functions = app.functions.filter((fn) => !this.disabled.has(fn.name.toLowerCase()));
    this.refused.clear();
    for (const fn of functions) {
      const type = unknownBinding(fn);
      if (type !== undefined) this.refuse(fn, `bindings of the type ${type} are not implemented here`);
    }
    this.prepareOutputs(functions);
    this.httpStreams = app.capabilities['HttpUri'] !== undefined;
    this.routes = new Routes(functions, this.json.routePrefix, this.settings);
    void this.timers?.stop();
    if (this.database) {
      this.timers = new Timers(this.database, (invocation) => this.requirePool().invoke(invocation));
      this.timers.start(
        functions.filter((fn) => this.runs(fn.name)),
        this.settings,
      );
    }
    this.listen(functions);
    this.durable?.open();
  }

  private prepareOutputs(functions: readonly FunctionMetadata[]): void {
    void this.outputs?.close();
    const outputs = new Outputs(this.settings);
    this.outputs = outputs;
    for (const fn of functions) {
      if (!this.runs(fn.name)) continue;
      try {
        outputs.add(fn);
      } catch (error) {
        this.refuse(fn, (error as Error).message);
      }
    }
  }

  private async settle(invocation: Omit<Invocation, 'id'>, reply: InvocationReply): Promise<InvocationReply> {
    return this.outputs ? this.outputs.settle(invocation, reply) : reply;
  }

  private listen(functions: readonly FunctionMetadata[]): void {
    const predecessors = this.listeners?.stop();
    const listeners = new Listeners(
      (invocation) => this.requirePool().invoke(invocation),
      this.settings,
      this.json.eventHubs,
    );
    this.listeners = listeners;
    for (const fn of functions) {
      if (!this.runs(fn.name)) continue;
      try {
        listeners.add(fn);
      } catch (error) {
        this.refuse(fn, (error as Error).message);
      }
    }
    void listeners.start(predecessors);
  }

  private refuse({ name }: FunctionMetadata, reason: string): void {
    const text = `"${name}" does not run: ${reason}`;
    log('functions', text);
    this.refused.set(name.toLowerCase(), text);
  }

  private runs(name: string): boolean {
    const key = name.toLowerCase();
    return !this.disabled.has(key) && !this.refused.has(key);
  }

  private requirePool(): WorkerPool {
    if (!this.pool) throw new Error('The host has not started.');
    return this.pool;
  }
}

function positive(settings: Record<string, string>, name: string, fallback: number): number {
  const text = settings[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`${name} must be a positive whole number, not "${text}".`);
  return value;
}
