import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { clientBindingData, createDurableHttp, openEngine, RPC_PREFIX } from '../durable';
import type { Answer, DurableEngine, DurableHttp, DurableRequest } from '../durable';
import type { HostSettings } from './host-json';
import { close, createLimitedServer, DURABLE_PREFIX, pathOf, serveDurable } from './http-server';
import { createRunner } from './runner';
import type { WorkerPool } from './worker-pool';
import type { Counters } from '../shared/child';
import { listen } from '../shared/listen';
import { log } from '../shared/log';

export interface DurableOptions {
  /** Scheme and authority of the front end. */
  origin: string;
  dataDir: string;
  systemKey: string;
  bodyLimit: number;
  host: HostSettings;
  pool: () => WorkerPool;
  /** Whether a function may run: it may be turned off by a setting. */
  runs: (name: string) => boolean;
}

/** The name that the platform gives the default storage connection in links. */
const CONNECTION = 'Storage';

/** The durable engine within the host: its store, and the listener that the SDK's client calls. */
export class Durable {
  private engine: DurableEngine | undefined;
  private http: DurableHttp | undefined;
  private rpc: Server | undefined;
  /** The SDK's client sends no key: a path nobody can guess keeps other local users and web pages out. */
  private readonly secret = `/${randomBytes(24).toString('hex')}`;
  private clientJson = '';

  constructor(private readonly options: DurableOptions) {}

  /** The management API, once the engine runs. */
  get management(): ((request: DurableRequest) => Promise<Answer>) | undefined {
    const { http } = this;
    return http && ((request) => http.management(request));
  }

  /** Value of the `durableClient` input bindings. */
  get clientData(): string {
    return this.clientJson;
  }

  /** Starts the listener of the SDK's client. */
  async listen(): Promise<void> {
    const { origin, systemKey, host, bodyLimit } = this.options;
    this.rpc = createLimitedServer(async (request, response) => {
      const target = request.url ?? '/';
      const { http } = this;
      if (!http || !target.startsWith(`${this.secret}/`)) {
        response.writeHead(http ? 404 : 503).end();
        return;
      }
      const url = new URL(origin + target.slice(this.secret.length));
      const path = pathOf(target).slice(this.secret.length);
      await serveDurable(request, response, url, path, bodyLimit, (call) => http.rpc(call));
    });
    const port = await listen(this.rpc, 0, 'the Durable client');
    const base = {
      origin,
      prefix: DURABLE_PREFIX,
      taskHub: host.durable.hubName,
      connection: CONNECTION,
      systemKey,
    };
    this.clientJson = clientBindingData(base, `http://127.0.0.1:${port}${this.secret}${RPC_PREFIX}/`);
  }

  /**
   * Opens the engine, which takes up what was in flight: only when the app is loaded is it known which functions
   * there are.
   */
  open(): void {
    if (this.engine) return;
    const { dataDir, systemKey, host, pool } = this.options;
    this.engine = openEngine({
      file: join(dataDir, `${host.durable.hubName.toLowerCase()}.db`),
      runner: createRunner(pool(), (name) => this.options.runs(name)),
      ...host.durable,
      log: (text) => log('durable', text),
    });
    this.http = createDurableHttp(this.engine, {
      taskHub: host.durable.hubName,
      connection: CONNECTION,
      systemKey,
      prefix: DURABLE_PREFIX,
    });
    this.engine.start();
  }

  counters(): Counters {
    return this.engine?.counters() ?? {};
  }

  async dispose(): Promise<void> {
    this.engine?.dispose();
    if (!this.rpc) return;
    const closed = close(this.rpc);
    this.rpc.closeAllConnections();
    await closed;
  }
}
