import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InvocationContext } from '@azure/functions';
import { clientBindingData, RPC_PREFIX } from '../../../local/durable';
import { loadSdk } from '../../support/durable-sdk';

const df = loadSdk();

/** What the SDK's client talks to: notes each request, and answers with a status of the test's choice. */
export class FakePlatform {
  readonly requests: string[] = [];
  status = 404;
  /** Members of an instance's status. */
  instance: Readonly<Record<string, unknown>> = {};
  private readonly server: Server;

  constructor() {
    this.server = createServer(({ method, url }, response) => {
      this.requests.push(`${method} ${url?.slice(RPC_PREFIX.length)}`);
      response
        .writeHead(this.status, { 'content-type': 'application/json' })
        .end(JSON.stringify({ instancesDeleted: 1, ...this.instance }));
    });
  }

  async start(): Promise<void> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  /** The context of a function with a Durable client. */
  context(): InvocationContext {
    const input = df.input.durableClient();
    const logHandler = (): void => undefined;
    const context = new InvocationContext({
      options: { extraInputs: [input], extraOutputs: [] },
      logHandler,
    });
    const origin = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    const base = { origin, prefix: '', taskHub: 'Hub', connection: 'Storage', systemKey: 'key' };
    context.extraInputs.set(input, JSON.parse(clientBindingData(base, `${origin}${RPC_PREFIX}/`)));
    return context;
  }
}
