import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { beginKey } from './batches';
import type { Closing } from './closing';
import { CONTENT_TYPES } from './formats';
import { InputError } from './input-error';
import type { Input } from './options';
import type { Run } from './run';
import { openSource, type ByteSource } from './source';
import type { BatchOutcome } from './summary';

/** Bytes of a block, and blocks that are under way: what an upload holds in memory. */
const BLOCK_BYTES = 4 * 1024 * 1024;
const BLOCKS_AT_ONCE = 2;

type FileInput = Extract<Input, { kind: 'file' }>;

/** The answer to the request for an upload, as far as it is used. */
interface Ticket {
  readonly uploadId: string;
  readonly uploadUrl: string;
  readonly maxBytes: number;
}

/** Sends a file as it is to a blob, in blocks, and has it made into one batch. */
export async function upload(run: Run, closing: Closing): Promise<void> {
  const { input } = run.settings;
  if (input.kind !== 'file') throw new Error('Only files are uploaded.');
  const batch: BatchOutcome = { number: 1, first: 0, records: null, state: 'notSent' };
  run.batches.push(batch);
  const source = await openSource(input.file).catch((error: unknown) => failInput(run, error));
  if (!source) return;
  run.read = source.read;
  run.total = source.total;
  // So that nobody waits for a pipe that says nothing.
  run.stop.signal.addEventListener('abort', () => source.close(), { once: true });
  try {
    const ticket = await ticketFor(run, source);
    const key = ticket && (await put(run, input, source, ticket));
    if (key !== undefined) await post(run, closing, batch, ticket?.uploadId ?? '', key, input);
  } finally {
    source.close();
  }
}

function strange(run: Run, status: number, detail: string): undefined {
  run.fail({ kind: 'refused', status, code: undefined, detail });
}

function failInput(run: Run, error: unknown): undefined {
  if (!(error instanceof InputError)) throw error;
  run.fail({ kind: 'input', message: error.message });
}

async function ticketFor(run: Run, { total }: ByteSource): Promise<Ticket | undefined> {
  const { client, settings, stop } = run;
  const path = `/api/datasets/${encodeURIComponent(settings.dataset)}/uploads`;
  const outcome = await client.send(path, { method: 'POST' }, stop.signal);
  if (outcome.kind === 'refused') run.fail({ kind: 'refused', ...outcome.refusal });
  else if (outcome.kind !== 'answered') run.failedBy(outcome);
  if (outcome.kind !== 'answered') return undefined;
  const ticket = outcome.body as Partial<Ticket> | null;
  if (typeof ticket?.uploadId !== 'string' || typeof ticket.uploadUrl !== 'string') {
    return strange(run, outcome.status, 'The answer is no upload of Headwater.');
  }
  const { uploadId, uploadUrl, maxBytes = Infinity } = ticket;
  if (total !== undefined && total > maxBytes) {
    run.fail({ kind: 'input', message: `The file has ${total} bytes; an upload has at most ${maxBytes}.` });
    return undefined;
  }
  return { uploadId, uploadUrl, maxBytes };
}

/** The idempotency key of what was put, or undefined when that failed. */
async function put(
  run: Run,
  { as }: FileInput,
  source: ByteSource,
  { uploadUrl }: Ticket,
): Promise<string | undefined> {
  const { dataset, onInvalid, run: name, gzip } = run.settings;
  const contentType = `${CONTENT_TYPES[as.format]} ${as.encoding ?? ''}`;
  const hash = beginKey({ dataset, onInvalid, run: name, contentType, first: 0 });
  const read = Readable.from(
    (async function* () {
      for await (const chunk of source.chunks) {
        hash.add(chunk);
        yield chunk;
      }
    })(),
    { objectMode: false },
  );
  const content = gzip && as.encoding === undefined ? pipeline(read, createGzip(), () => undefined) : read;
  // It takes half a second to load: only where it is needed.
  const { BlockBlobClient } = await import('@azure/storage-blob');
  try {
    await new BlockBlobClient(uploadUrl).uploadStream(content, BLOCK_BYTES, BLOCKS_AT_ONCE, {
      abortSignal: run.stop.signal,
      onProgress: () => run.tell(),
    });
    return hash.key();
  } catch (error) {
    content.destroy();
    if (run.stopped) return undefined;
    if (error instanceof InputError) run.fail({ kind: 'input', message: error.message });
    else failPut(run, error as { statusCode?: unknown; code?: unknown; message: string });
    return undefined;
  }
}

function failPut(run: Run, error: { statusCode?: unknown; code?: unknown; message: string }): void {
  const { statusCode, code, message } = error;
  if (typeof statusCode !== 'number' || statusCode >= 500) {
    run.fail({ kind: 'unreachable', message: `The blob does not take the file: ${message}` });
  } else {
    const detail = `The blob refuses the file: ${message}`;
    run.fail({
      kind: 'refused',
      status: statusCode,
      code: typeof code === 'string' ? code : undefined,
      detail,
    });
  }
}

async function post(
  run: Run,
  closing: Closing,
  batch: BatchOutcome,
  uploadId: string,
  key: string,
  { as }: FileInput,
): Promise<void> {
  const { dataset, onInvalid, gzip } = run.settings;
  const encoding = as.encoding ?? (gzip ? 'gzip' : undefined);
  const query = new URLSearchParams({ upload: uploadId, onInvalid });
  const headers: Record<string, string> = {
    'Content-Type': CONTENT_TYPES[as.format],
    'Idempotency-Key': key,
    ...(encoding === undefined ? {} : { 'Content-Encoding': encoding }),
  };
  const path = `/api/datasets/${encodeURIComponent(dataset)}/batches?${query.toString()}`;
  const outcome = await run.client.send(path, { method: 'POST', headers }, run.stop.signal);
  if (outcome.kind === 'answered') {
    const { batchId } = (outcome.body ?? {}) as { batchId?: unknown };
    if (typeof batchId !== 'string')
      return strange(run, outcome.status, 'The answer is no batch of Headwater.');
    const replayed = outcome.headers.get('idempotency-replayed') === 'true';
    await accept(run, closing, batch, batchId, replayed);
  } else if (outcome.kind === 'refused') {
    const { code, batchId } = outcome.refusal;
    // For the API another upload is other content. The key follows from the content: it is the same, uploaded again.
    if (code === 'idempotency-key-reused' && batchId !== undefined)
      return accept(run, closing, batch, batchId, true);
    batch.state = 'refused';
    run.fail({ kind: 'refused', ...outcome.refusal, batch: batch.number });
  } else {
    batch.state = outcome.maybe ? 'unanswered' : 'notSent';
    run.failedBy(outcome);
  }
}

async function accept(
  run: Run,
  closing: Closing,
  batch: BatchOutcome,
  batchId: string,
  replayed: boolean,
): Promise<void> {
  batch.state = 'accepted';
  batch.batchId = batchId;
  batch.replayed = replayed;
  run.readAll = true;
  await closing.enter();
  closing.follow(batch, undefined);
}
