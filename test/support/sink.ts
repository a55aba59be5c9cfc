import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** Where the sample app reports what it does, so that tests wait for events and not for time. */
export class Sink<T extends { name: string }> {
  readonly reports: T[] = [];
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      void text(request).then((body) => {
        this.reports.push(JSON.parse(body) as T);
        response.end();
        this.server.emit('report');
      });
    });
  }

  /** Resolves with the address to report to. */
  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Waits for so many reports of this name. */
  async wait(name: string, count: number): Promise<T[]> {
    for (;;) {
      const reports = this.reports.filter((report) => report.name === name);
      if (reports.length >= count) return reports;
      await once(this.server, 'report');
    }
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}
