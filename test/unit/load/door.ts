import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
  readonly path: string;
  readonly key: string | undefined;
  readonly contentType: string | undefined;
  readonly body: string;
  /** On the clock of `performance.now`. */
  readonly at: number;
}

/** Does what the test wants with a request; returns true when it has answered. */
export type Whim = (seen: Seen, response: ServerResponse, request: IncomingMessage) => boolean;

/** A records door without anything behind it, which does as it is told. */
export class Door {
  readonly seen: Seen[] = [];
  readonly ids: string[] = [];
  connections = 0;
  private readonly server: Server;

  constructor(private readonly whim: Whim = () => false) {
    this.server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => this.take(request, response, Buffer.concat(parts).toString('utf8')));
    });
    this.server.on('connection', () => this.connections++);
  }

  async open(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  accept(response: ServerResponse): void {
    const id = `r${this.ids.length}`;
    this.ids.push(id);
    response.writeHead(202, { 'Content-Type': 'application/json' }).end(JSON.stringify({ id }));
  }

  private take(request: IncomingMessage, response: ServerResponse, body: string): void {
    const { url = '', headers } = request;
    const key = headers['x-functions-key'] as string | undefined;
    const seen = { path: url, key, contentType: headers['content-type'], body, at: performance.now() };
    this.seen.push(seen);
    if (!this.whim(seen, response, request)) this.accept(response);
  }
}
