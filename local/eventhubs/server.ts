import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { create_container } from 'rhea';
import type { Service } from '../shared/child';
import { type Files, makeFolderDurably, realFiles } from '../shared/files';
import { listen, LOOPBACK } from '../shared/listen';
import { log } from '../shared/log';
import { ClientConnection } from './connection';
import { Intake } from './intake';
import { DEFAULT_RETENTION_MS, DEFAULT_SEGMENT_BYTES, MAX_CONNECTIONS } from './limits';
import { type HubOptions, Namespace } from './namespace';
import type { Published } from './publisher';

export interface EventHubsOptions {
  /** Folder of the store; created when missing. */
  readonly dataDir: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly keyName: string;
  readonly key: string;
  /** Hubs by name. Partitions can be added later, never removed. */
  readonly hubs: Readonly<Record<string, HubOptions>>;
  /** How long events are kept, in milliseconds; 7 days when left out. */
  readonly retentionMs?: number;
  /** Size at which a new segment is begun, in bytes. */
  readonly segmentBytes?: number;
  readonly files?: Files;
}

/** How long clients may take to read the last answers when the endpoint stops, in milliseconds. */
const CLOSE_GRACE_MS = 1_000;

/**
 * Starts an Event Hubs endpoint: AMQP 1.0 without TLS on loopback, as `UseDevelopmentEmulator=true` asks for.
 * An accepted event is on disk.
 * @throws when the port is taken, the options are invalid, or stored events are damaged.
 */
export async function startEventHubs(options: EventHubsOptions): Promise<Service> {
  const files = options.files ?? realFiles;
  makeFolderDurably(options.dataDir);
  const namespace = await Namespace.open(options.dataDir, options.hubs, files, {
    segmentBytes: options.segmentBytes ?? DEFAULT_SEGMENT_BYTES,
    retentionMs: options.retentionMs ?? DEFAULT_RETENTION_MS,
  });
  const published: Published = { operations: 0, events: 0 };
  const { server, clients } = createEndpoint(namespace, published, options);
  try {
    const port = await listen(server, options.port, 'Event Hubs');
    let disposed: Promise<void> | undefined;
    return {
      port,
      counters: () => ({ ...published }),
      dispose: () => (disposed ??= dispose(server, clients, namespace)),
    };
  } catch (error) {
    await namespace.close();
    throw error;
  }
}

/** The connection string that official SDKs take for an endpoint started here. */
export function eventHubsConnectionString(options: { port: number; keyName: string; key: string }): string {
  const { port, keyName, key } = options;
  return `Endpoint=sb://${LOOPBACK}:${port};SharedAccessKeyName=${keyName};SharedAccessKey=${key};UseDevelopmentEmulator=true`;
}

function createEndpoint(
  namespace: Namespace,
  published: Published,
  credential: { keyName: string; key: string },
): { server: Server; clients: Map<Socket, ClientConnection> } {
  const container = create_container({ id: 'headwater-event-hubs' });
  // Without a listener an error event would end the process; connections handle their own.
  container.on('error', (error: unknown) => log('eventhubs', `AMQP: ${String(error)}`));
  const shared = { namespace, credential, intake: new Intake(), published };
  const clients = new Map<Socket, ClientConnection>();
  const server = createServer((socket) => {
    socket.on('close', () => clients.delete(socket));
    clients.set(socket, new ClientConnection(container, socket, shared));
  });
  server.maxConnections = MAX_CONNECTIONS;
  return { server, clients };
}

async function dispose(
  server: Server,
  clients: Map<Socket, ClientConnection>,
  namespace: Namespace,
): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // First the store: what was sent so far gets its answer.
  await namespace.close();
  for (const client of clients.values()) client.close();
  const timer = setTimeout(() => {
    for (const socket of clients.keys()) socket.destroy();
  }, CLOSE_GRACE_MS);
  await closed;
  clearTimeout(timer);
}
