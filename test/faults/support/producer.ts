import { setTimeout as delay } from 'node:timers/promises';
import { BlockBlobClient } from '@azure/storage-blob';
import { ApiError, type AcceptedBatch } from '../../../tools/lib/api';
import type { PluggedCloud } from './plug';
import { makeRedrive, type RedrivePlan, type RoundBatch } from './workload';

/** How long (ms) a producer tries. */
const PATIENCE_MS = 180_000;

/** What a producer must not repeat would be a fault of ours here. */
const FINAL = new Set([400, 401, 403, 404, 413, 415, 422]);

/** The same request again after every failure, as a producer does. */
async function untilAnswered<T>(what: string, send: () => Promise<T>): Promise<T> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await send();
    } catch (error) {
      if (error instanceof ApiError && FINAL.has(error.status)) throw error;
      if (Date.now() > end) throw new Error(`${what} was never answered.`, { cause: error });
      await delay(100);
    }
  }
}

const CONTENT_TYPES = { ndjson: 'application/x-ndjson', json: 'application/json', csv: 'text/csv' };

/** Posts until the batch is accepted, with the same idempotency key; an upload is put first. */
export async function postUntilAccepted(cloud: PluggedCloud, batch: RoundBatch): Promise<void> {
  const { dataset, key, format, encoding, upload, onInvalid, verdict, body, redriveOf } = batch;
  const query = new URLSearchParams({ ...(onInvalid ? { onInvalid } : {}), ...(verdict ? { verdict } : {}) });
  if (upload) query.set('upload', await putUntilDone(cloud, batch));
  const route = redriveOf
    ? `/api/batches/${redriveOf.accepted?.batchId}/redrive`
    : `/api/datasets/${dataset}/batches`;
  const headers = {
    'Content-Type': CONTENT_TYPES[format],
    'Idempotency-Key': key,
    ...(encoding ? { 'Content-Encoding': encoding } : {}),
  };
  const init = { method: 'POST', headers, ...(upload ? {} : { body: new Uint8Array(body) }) };
  batch.accepted = await untilAnswered(`The batch ${key}`, () =>
    answer<AcceptedBatch>(cloud, `${route}?${query.toString()}`, init),
  );
}

async function answer<T>({ api }: PluggedCloud, path: string, init: RequestInit): Promise<T> {
  const response = await api.request(path, init);
  const text = await response.text();
  if (!response.ok) throw new ApiError(response.status, text);
  return JSON.parse(text) as T;
}

interface Grant {
  readonly uploadId: string;
  readonly uploadUrl: string;
}

const BLOCK_BYTES = 16_384;

/** Puts an upload, again until that is answered. @returns its id */
async function putUntilDone(cloud: PluggedCloud, { dataset, upload, body }: RoundBatch): Promise<string> {
  const { uploadId, uploadUrl } = await untilAnswered('An upload', () =>
    answer<Grant>(cloud, `/api/datasets/${dataset}/uploads`, { method: 'POST' }),
  );
  await untilAnswered('What was put', async () => {
    const url = new URL(uploadUrl);
    // A restart has moved the blob store to another port.
    url.port = cloud.blobPort;
    const retryOptions = { maxTries: 1, tryTimeoutInMs: 20_000 };
    await new BlockBlobClient(url.href, undefined, { retryOptions }).uploadData(body, {
      blockSize: BLOCK_BYTES,
      maxSingleShotSize: upload === 'blocks' ? BLOCK_BYTES : body.length,
    });
  });
  return uploadId;
}

/** Waits for the end of a batch and re-drives what is to be. @returns the batches that came of it */
export async function redrive(
  cloud: PluggedCloud,
  of: RoundBatch,
  plan: Omit<RedrivePlan, 'of'>,
): Promise<RoundBatch[]> {
  const id = of.accepted?.batchId ?? '';
  const report = await untilAnswered('The end of a batch', () => cloud.api.closed(id, { timeoutMs: 5_000 }));
  const records = await untilAnswered('The list of records', async () => {
    const found: number[] = [];
    for await (const { index } of cloud.api.records(id, `?verdict=${plan.verdict}&maxpagesize=1000`))
      found.push(index);
    return found;
  });
  if (records.length === 0) return [];
  const origins = records.map((index) => ({ batchId: id, index, receivedAt: report.receivedAt }));
  const batch = makeRedrive(of, plan, origins);
  await postUntilAccepted(cloud, batch);
  if (!plan.again) return [batch];
  return [batch, ...(await redrive(cloud, batch, { verdict: 'quarantined', repaired: true }))];
}
