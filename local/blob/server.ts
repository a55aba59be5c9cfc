import { createSecretKey } from 'node:crypto';
import { createServer } from 'node:http';
import { resolve } from 'node:path';
import type { Service } from '../shared/child';
import { realFiles, type Files } from '../shared/files';
import { listen, LOOPBACK } from '../shared/listen';
import type { Endpoint } from './copy-source';
import { handle } from './http';
import { MAX_HEADER_SIZE } from './limits';
import { answerMalformed } from './malformed';
import { Store } from './store/store';

export interface BlobOptions {
  /** Folder of the store; created when missing. */
  readonly dataDir: string;
  /** 0 asks for a free one. */
  readonly port: number;
  readonly account: string;
  /** The account key, base64. */
  readonly key: string;
  /** How files are written; the real file system by default. */
  readonly files?: Files;
}

/** Longer than clients keep idle connections, so that it is never this side that closes one about to be used. */
const KEEP_ALIVE_MS = 120_000;
/** How long a stop waits for running requests before it cuts them off. */
const STOP_GRACE_MS = 3_000;

/** The connection string with which the SDK finds this endpoint. */
export function blobConnectionString(endpoint: { port: number; account: string; key: string }): string {
  const { port, account, key } = endpoint;
  return (
    `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key};` +
    `BlobEndpoint=http://${LOOPBACK}:${port}/${account};`
  );
}

/**
 * Starts a durable Blob Storage endpoint for one account: every acknowledged write is on disk.
 * @throws when the store is damaged or in use (nothing is changed then), or the port is taken.
 */
export async function startBlob(options: BlobOptions): Promise<Service> {
  const { account, files = realFiles } = options;
  if (!/^[a-z0-9]{3,24}$/.test(account)) throw new Error(`"${account}" is no storage account name.`);
  const keyBytes = Buffer.from(options.key, 'base64');
  if (keyBytes.length === 0) throw new Error('The account key must be base64.');
  // Made once: signing with bytes would make one for every request, at several times the cost of the signature.
  const key = createSecretKey(keyBytes);
  const store = await Store.open(resolve(options.dataDir), files);
  const endpoint: Endpoint = { account, key, port: 0 };
  const running = new Set<Promise<void>>();
  let transactions = 0;
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_SIZE, keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 },
    (message, response) => {
      const work = handle(message, response, store, endpoint).finally(() => {
        transactions++;
        running.delete(work);
      });
      running.add(work);
    },
  );
  answerMalformed(server);
  try {
    const port = await listen(server, options.port, 'the Blob endpoint');
    Object.assign(endpoint, { port });
    return { port, counters: () => ({ transactions }), dispose: () => dispose() };
  } catch (error) {
    await store.close();
    throw error;
  }

  async function dispose(): Promise<void> {
    const closed = new Promise<void>((done) => server.close(() => done()));
    server.closeIdleConnections();
    const grace = setTimeout(() => server.closeAllConnections(), STOP_GRACE_MS);
    while (running.size > 0) await Promise.allSettled(running);
    clearTimeout(grace);
    server.closeAllConnections();
    await closed;
    await store.close();
  }
}
