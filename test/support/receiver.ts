import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A delivered event, as far as tests look at it. */
export interface ReceivedEvent {
  readonly type: string;
  readonly subject: string;
  readonly data: unknown;
}

/** A webhook that consents to everything, keeps what it is sent, and answers as it is told to. */
export class Receiver {
  readonly events: ReceivedEvent[] = [];
  /** HTTP status of the answer. */
  answer: (event: ReceivedEvent) => number = () => 204;
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      void text(request).then((body) => {
        const consent = { 'WebHook-Allowed-Origin': '*' };
        if (request.method === 'OPTIONS') return response.writeHead(200, consent).end();
        const event = JSON.parse(body) as ReceivedEvent;
        const status = this.answer(event);
        if (status < 300) this.events.push(event);
        response.writeHead(status).end();
        return this.server.emit('event');
      });
    });
  }

  /** Resolves with its address. */
  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}
