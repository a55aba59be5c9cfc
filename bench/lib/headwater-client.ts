import type { Cloud } from './cloud';
import { expectJson, httpClient } from './http';
import { pause, until } from './work';

export interface BatchStatus {
  readonly batchId: string;
  readonly status: string;
  readonly counts?: Readonly<Record<string, number>>;
  /** ISO 8601; null while it is open */
  readonly completedAt?: string | null;
  /** RU */
  readonly requestCharge?: number;
}

/** What a body is; products as NDJSON, when nothing is said. */
export interface PostOptions {
  readonly dataset?: string;
  readonly contentType?: string;
  /** Of an upload that is the body. */
  readonly upload?: string;
}

/** The app's own HTTP API, as a producer uses it. */
export interface HeadwaterClient {
  /** Posts a batch; waits and repeats as told when the app is busy. */
  post(body: string | Buffer, options?: PostOptions): Promise<{ batchId: string; throttled: number }>;
  /** Asks for an upload. */
  grant(dataset: string): Promise<{ uploadId: string; uploadUrl: string }>;
  status(batchId: string): Promise<BatchStatus>;
  /** Resolves with the status of the closed batch. */
  closed(batchId: string, everyMs: number): Promise<BatchStatus>;
  dispose(): void;
}

const CLOSED = new Set(['completed', 'completedWithRejects', 'rejected', 'failed']);
const CLOSE_TIMEOUT_MS = 300_000;

export function headwaterClient(cloud: Cloud, connections: number): HeadwaterClient {
  const http = httpClient(cloud.hostUrl, connections);
  const key = { 'x-functions-key': cloud.functionKey };
  const status = async (batchId: string): Promise<BatchStatus> => {
    const path = `/api/batches/${encodeURIComponent(batchId)}`;
    return expectJson(await http.send({ method: 'GET', path, headers: key }), 200);
  };
  return {
    async post(body, { dataset = 'products', contentType = 'application/x-ndjson', upload } = {}) {
      for (let throttled = 0; ; throttled++) {
        const reply = await http.send({
          method: 'POST',
          path: `/api/datasets/${dataset}/batches${upload === undefined ? '' : `?upload=${upload}`}`,
          headers: { ...key, 'content-type': contentType },
          body,
        });
        if (reply.status !== 429) {
          return { batchId: expectJson<{ batchId: string }>(reply, 202).batchId, throttled };
        }
        await pause(Number(reply.headers['retry-after'] ?? 1) * 1_000);
      }
    },
    async grant(dataset) {
      const path = `/api/datasets/${dataset}/uploads`;
      return expectJson(await http.send({ method: 'POST', path, headers: key }), 201);
    },
    status,
    closed: (batchId, everyMs) =>
      until(`The end of batch ${batchId}`, everyMs, CLOSE_TIMEOUT_MS, async () => {
        const batch = await status(batchId);
        return CLOSED.has(batch.status) ? batch : undefined;
      }),
    dispose: () => http.dispose(),
  };
}
