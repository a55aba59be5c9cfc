import * as http from 'node:http';
import * as https from 'node:https';
import * as net from 'node:net';
import type { WebhookRequest } from '../../../src/domain/egress/delivery';

/** A server that listens on a port of 127.0.0.1, with the connections it has open. */
export interface Receiver {
  readonly port: number;
  readonly url: string;
  /** Connections ever made. */
  readonly connections: () => number;
  readonly open: ReadonlySet<net.Socket>;
  /** Resolves once no connection is open. */
  readonly idle: () => Promise<void>;
  readonly close: () => Promise<void>;
}

async function listen(server: net.Server, host = '127.0.0.1'): Promise<Receiver> {
  const open = new Set<net.Socket>();
  let connections = 0;
  const waiting: (() => void)[] = [];
  server.on('connection', (socket: net.Socket) => {
    connections++;
    open.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      open.delete(socket);
      if (open.size === 0) waiting.splice(0).forEach((resolve) => resolve());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as net.AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}/`,
    connections: () => connections,
    open,
    idle: () => (open.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        open.forEach((socket) => socket.destroy());
      }),
  };
}

/** A receiver that handles each request. */
export function httpReceiver(handle: http.RequestListener): Promise<Receiver> {
  return listen(http.createServer(handle));
}

/** A receiver with a certificate that handles each request. */
export function httpsReceiver(
  tls: { readonly key: string; readonly cert: string },
  handle: http.RequestListener,
): Promise<Receiver> {
  return listen(https.createServer(tls, handle));
}

/** A receiver that does with each connection what it likes. */
export function rawReceiver(handle: (socket: net.Socket) => void, host?: string): Promise<Receiver> {
  return listen(net.createServer(handle), host);
}

/** A receiver that reads a request's head, and then does with the connection what it likes. */
export function afterHead(handle: (socket: net.Socket) => void): Promise<Receiver> {
  return rawReceiver((socket) => {
    let head = '';
    const read = (chunk: Buffer): void => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', read);
      socket.resume();
      handle(socket);
    };
    socket.on('data', read);
  });
}

/** A small POST. */
export function post(url: string, body = '{"a":1}'): WebhookRequest {
  return { method: 'POST', url, headers: { 'content-type': 'application/json' }, body };
}
