import { Agent, request, type IncomingHttpHeaders } from 'node:http';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

/** A bare HTTP client on connections that are kept: it must not be what is measured. */
export interface HttpClient {
  send(call: Call): Promise<Reply>;
  dispose(): void;
}

/** @param baseUrl `http://host:port` without a path. @param connections at most so many at once. */
export function httpClient(baseUrl: string, connections: number): HttpClient {
  const { hostname, port } = new URL(baseUrl);
  const agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'lifo' });
  return {
    send: ({ method, path, headers, body }) =>
      new Promise((resolve, reject) => {
        const length = body === undefined ? 0 : Buffer.byteLength(body);
        const outgoing = request(
          { agent, hostname, port, method, path, headers: { ...headers, 'content-length': length } },
          (incoming) => {
            const parts: Buffer[] = [];
            incoming.on('data', (part: Buffer) => parts.push(part));
            incoming.on('error', reject);
            incoming.on('end', () =>
              resolve({
                status: incoming.statusCode ?? 0,
                headers: incoming.headers,
                text: Buffer.concat(parts).toString('utf8'),
              }),
            );
          },
        );
        outgoing.on('error', reject);
        outgoing.end(body);
      }),
    dispose: () => agent.destroy(),
  };
}

/** The reply's JSON. @throws when the status is another one, with the start of the body. */
export function expectJson<T>(reply: Reply, ...statuses: readonly number[]): T {
  if (!statuses.includes(reply.status)) {
    throw new Error(`Expected ${statuses.join(' or ')}, got ${reply.status}: ${reply.text.slice(0, 500)}`);
  }
  return JSON.parse(reply.text) as T;
}
