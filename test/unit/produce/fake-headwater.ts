import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { Api } from '../../../tools/lib/api';
import type { Surroundings } from '../../../tools/lib/produce/surroundings';

/** A request as it came. */
export interface Seen {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  /** Decoded. */
  readonly body: Buffer;
  /** How often a batch was posted before, this one not counted. */
  readonly posts: number;
}

/** `cut` ends the connection, before or after the request has had its effect; undefined: as Headwater would. */
export type Scripted =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: unknown }
  | 'cut'
  | 'cut-after'
  | 'hang'
  | undefined;

interface StoredBatch {
  readonly id: string;
  readonly records: readonly unknown[];
  readonly upload: string | null;
  polls: number;
}

/** As much of the API as a producer meets; a record with `bad` is quarantined, one with `dead` dead-lettered. */
export class FakeHeadwater {
  readonly seen: Seen[] = [];
  /** In the order of acceptance. */
  readonly batches: StoredBatch[] = [];
  readonly uploads = new Map<string, Map<string, Buffer>>();
  readonly uploaded = new Map<string, Buffer>();
  script: (request: Seen) => Scripted | Promise<Scripted> = () => undefined;
  /** Questions about a batch that are answered with "running". */
  slowPolls = 0;
  posting = 0;
  mostPosting = 0;
  private readonly keys = new Map<string, StoredBatch>();
  private posts = 0;
  private readonly server: Server = createServer((request, response) => {
    this.handle(request, response).catch((error: unknown) => {
      response.writeHead(599).end(String(error));
    });
  });

  async start(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get api(): Api {
    return new Api(this.url, 'the key');
  }

  /** Requests that posted a batch. */
  get posted(): Seen[] {
    return this.seen.filter(({ method, url }) => method === 'POST' && url.pathname.endsWith('/batches'));
  }

  /** Every record that was accepted, in the order of the input if there was one connection. */
  get records(): unknown[] {
    return this.batches.flatMap(({ records }) => records);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const raw = Buffer.concat(parts);
    const body = request.headers['content-encoding'] === 'gzip' && raw.length > 0 ? gunzipSync(raw) : raw;
    const url = new URL(request.url ?? '', this.url);
    const isPost = request.method === 'POST' && url.pathname.endsWith('/batches');
    const posts = isPost ? this.posts++ : this.posts;
    const seen: Seen = { method: request.method ?? '', url, headers: request.headers, body, posts };
    this.seen.push(seen);
    if (isPost) this.mostPosting = Math.max(this.mostPosting, ++this.posting);
    const scripted = await this.script(seen);
    if (isPost) this.posting--;
    if (scripted === 'cut') return void response.destroy();
    if (scripted === 'hang') return;
    const answer = typeof scripted === 'object' ? scripted : this.answer(seen);
    if (scripted === 'cut-after') return void response.destroy();
    const json = answer.status >= 400 ? 'application/problem+json' : 'application/json';
    response.writeHead(answer.status, { 'Content-Type': json, ...answer.headers });
    response.end(answer.body === undefined ? '' : JSON.stringify(answer.body));
  }

  private answer(seen: Seen): { status: number; headers?: Record<string, string>; body?: unknown } {
    const { method, url } = seen;
    if (seen.headers['x-functions-key'] !== 'the key' && method !== 'PUT') return { status: 401 };
    if (method === 'PUT') return this.put(seen);
    if (url.pathname.endsWith('/uploads')) {
      const uploadId = `upload-${this.uploads.size}`;
      this.uploads.set(uploadId, new Map());
      const uploadUrl = `${this.url}/account/uploads/${uploadId}?sig=s`;
      return { status: 201, body: { uploadId, uploadUrl, method: 'PUT', maxBytes: 1_000_000 } };
    }
    if (url.pathname.endsWith('/batches')) return this.post(seen);
    const [, , , id, part] = url.pathname.split('/');
    const batch = this.batches.find((one) => one.id === id);
    if (!batch) return problem(404, 'unknown-batch', 'There is no such batch.');
    return part === 'records' ? listed(batch, url.searchParams.get('verdict')) : this.status(batch);
  }

  private post({ url, headers, body }: Seen): {
    status: number;
    headers?: Record<string, string>;
    body?: unknown;
  } {
    const upload = url.searchParams.get('upload');
    const records = recordsOf(
      upload === null ? body : (this.uploaded.get(upload) ?? Buffer.alloc(0)),
      headers,
    );
    if (url.searchParams.get('validate') === 'only') return dryRun(records);
    const key = headers['idempotency-key'] as string | undefined;
    const known = key === undefined ? undefined : this.keys.get(key);
    // Another upload is other content, whatever it holds.
    if (known && upload !== null && upload !== known.upload)
      return problem(422, 'idempotency-key-reused', 'Other content.', { batchId: known.id });
    const batch = known ?? { id: `batch-${this.batches.length}`, records, upload, polls: 0 };
    if (!known) this.batches.push(batch);
    if (key !== undefined) this.keys.set(key, batch);
    return {
      status: 202,
      headers: known ? { 'Idempotency-Replayed': 'true' } : {},
      body: { id: batch.id, batchId: batch.id, accepted: upload === null ? batch.records.length : null },
    };
  }

  private put({ url, body }: Seen): { status: number } {
    const id = url.pathname.split('/').at(-1) ?? '';
    const blocks = this.uploads.get(id);
    if (!blocks) return { status: 404 };
    const part = url.searchParams.get('comp');
    if (part === 'block') blocks.set(url.searchParams.get('blockid') ?? '', body);
    else if (part === 'blocklist') {
      const ids = [...body.toString().matchAll(/<Latest>(.*?)<\/Latest>/g)].map(([, name]) => name ?? '');
      this.uploaded.set(id, Buffer.concat(ids.map((name) => blocks.get(name) as Buffer)));
    } else this.uploaded.set(id, body);
    return { status: 201 };
  }

  private status(batch: StoredBatch): { status: number; body: unknown } {
    const open = batch.polls++ < this.slowPolls;
    const counts = open
      ? { ...NONE, inFlight: batch.records.length }
      : { ...countsOf(batch.records), inFlight: 0 };
    return {
      status: 200,
      body: {
        batchId: batch.id,
        status: open ? 'running' : counts.quarantined > 0 ? 'completedWithRejects' : 'completed',
        completedAt: open ? null : '2026-01-05T06:00:00.000Z',
        counts: { accepted: batch.records.length, ...counts },
        requestCharge: open ? 0 : batch.records.length * 10,
      },
    };
  }
}

const NONE = { upserted: 0, unchanged: 0, stale: 0, quarantined: 0, deadLettered: 0, notApplied: 0 };

export const problem = (status: number, code: string, detail: string, members: object = {}) => ({
  status,
  body: { type: `urn:headwater:problem:${code}`, code, title: code, status, detail, ...members },
});

function verdictOf(record: unknown): 'quarantined' | 'deadLettered' | 'upserted' {
  const { bad, dead } = record as { bad?: unknown; dead?: unknown };
  return bad ? 'quarantined' : dead ? 'deadLettered' : 'upserted';
}

function countsOf(records: readonly unknown[]): typeof NONE {
  const counts = { ...NONE };
  for (const record of records) counts[verdictOf(record)]++;
  return counts;
}

function rejectsOf(records: readonly unknown[]): { index: number; verdict: string }[] {
  return records.flatMap((record, index) => {
    const verdict = verdictOf(record);
    if (verdict === 'upserted') return [];
    const errors = [{ pointer: '/bad', keyword: 'not', message: 'must not be there' }];
    const why = verdict === 'quarantined' ? { errors, record } : { reason: 'too large for the store' };
    return [{ index, key: `key ${index}`, verdict, ...why }];
  });
}

function listed({ records }: StoredBatch, verdict: string | null): { status: number; body: unknown } {
  return { status: 200, body: { value: rejectsOf(records).filter((one) => one.verdict === verdict) } };
}

function dryRun(records: readonly unknown[]): { status: number; body: unknown } {
  const body = {
    accepted: records.length,
    counts: countsOf(records),
    records: rejectsOf(records),
    truncated: false,
  };
  return { status: 200, body };
}

/** As the API reads bodies, in the simplest way. @throws when it is none */
export function recordsOf(body: Buffer, headers: { 'content-type'?: string | undefined }): unknown[] {
  const text = body.toString('utf8');
  const type = headers['content-type'];
  if (type === 'application/json') return JSON.parse(text) as unknown[];
  if (type === 'text/csv') {
    const how = { columns: true, relax_column_count: true, relax_quotes: true, skip_empty_lines: true };
    return parse(text, how);
  }
  return text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [JSON.parse(line) as unknown]));
}

/** A clock that moves only when somebody waits. */
export class FakeTime implements Surroundings {
  time = Date.parse('2026-01-05T06:00:00Z');
  readonly delays: number[] = [];
  chance = 0.5;
  /** Is told of each wait. */
  onDelay: (ms: number) => void = () => undefined;

  now(): number {
    return this.time;
  }

  async delay(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    this.delays.push(ms);
    this.time += ms;
    this.onDelay(ms);
    await new Promise((resolve) => setImmediate(resolve));
  }

  random(): number {
    return this.chance;
  }
}
