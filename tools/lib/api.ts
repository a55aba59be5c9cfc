import { setTimeout as delay } from 'node:timers/promises';
import type { BatchStatus } from '../../src/domain/ingest/batch';
import type { Counts, Verdict } from '../../src/domain/ingest/verdict';

/** The 202 of a posted batch. */
export interface AcceptedBatch {
  readonly id: string;
  readonly batchId: string;
  readonly dataset: string;
  /** null: of an upload, which is counted later */
  readonly accepted: number | null;
  readonly statusQueryGetUri: string;
  readonly terminatePostUri: string;
}

/** What `GET /api/batches/{batchId}` answers. */
export interface BatchReport {
  readonly batchId: string;
  readonly status: BatchStatus;
  readonly receivedAt: string;
  readonly completedAt: string | null;
  readonly counts: Counts;
  readonly requestCharge: number;
  readonly archive: { readonly path: string; readonly sha256: string; readonly bytes: number } | null;
  readonly failure?: { readonly code: string; readonly message: string };
  readonly redriveOf?: string;
  readonly redrives?: readonly string[];
}

export interface RecordReport {
  readonly index: number;
  readonly line?: number;
  readonly key: string | null;
  readonly verdict: Verdict;
  readonly version?: number;
  readonly reason?: string;
  readonly winner?: { readonly batchId: string; readonly index: number; readonly eventTime: string };
  readonly errors?: readonly {
    readonly pointer: string;
    readonly keyword: string;
    readonly message: string;
  }[];
  readonly schemaVersion?: string;
  readonly record?: unknown;
}

/** What `GET /api/ledger` answers. */
export interface LedgerReport {
  readonly balanced: boolean;
  readonly total: Readonly<Counts & { documents: number; versions: number }>;
  readonly datasets: Readonly<Record<string, Readonly<Counts & { balanced: boolean }>>>;
  readonly subscriptions: readonly {
    readonly id: string;
    readonly versions: number;
    readonly delivered: number;
    readonly superseded: number;
    readonly deadLettered: number;
    readonly notOwed: number;
    readonly pending: { readonly due: number; readonly trying: number; readonly waiting: number };
    readonly balanced: boolean;
  }[];
  readonly faults: readonly { readonly code: string; readonly key?: string; readonly batchId?: string }[];
}

/** An answer that is not what was asked for. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly body: string,
  ) {
    super(`The API answered ${status}: ${body.slice(0, 500)}`);
  }
}

export interface PostOptions {
  readonly contentType?: string;
  /** How the body is compressed. */
  readonly contentEncoding?: string;
  readonly idempotencyKey?: string;
  readonly query?: string;
}

/** Headwater's HTTP API, as a producer uses it. */
export class Api {
  /**
   * @param url origin of the Functions host, without a slash at the end
   * @param key function key
   */
  constructor(
    readonly url: string,
    readonly key: string,
  ) {}

  /** One request; the answer is not looked at. */
  request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (!headers.has('x-functions-key')) headers.set('x-functions-key', this.key);
    return fetch(path.startsWith('http') ? path : `${this.url}${path}`, { ...init, headers });
  }

  /** @throws {ApiError} for anything but 2xx */
  async get<T>(path: string): Promise<T> {
    return (await this.ok(await this.request(path))) as T;
  }

  /** @throws {ApiError} when the batch is not accepted */
  async post(dataset: string, body: Buffer | string, options: PostOptions = {}): Promise<AcceptedBatch> {
    const headers: Record<string, string> = { 'Content-Type': options.contentType ?? 'application/x-ndjson' };
    if (options.contentEncoding !== undefined) headers['Content-Encoding'] = options.contentEncoding;
    if (options.idempotencyKey !== undefined) headers['Idempotency-Key'] = options.idempotencyKey;
    const path = `/api/datasets/${dataset}/batches${options.query ?? ''}`;
    return (await this.ok(await this.request(path, { method: 'POST', headers, body }))) as AcceptedBatch;
  }

  batch(batchId: string): Promise<BatchReport> {
    return this.get<BatchReport>(`/api/batches/${batchId}`);
  }

  /** Everything counted again. */
  ledger(): Promise<LedgerReport> {
    return this.get<LedgerReport>('/api/ledger');
  }

  /** Waits until a batch is closed; a server that is just being restarted is asked again. */
  async closed(batchId: string, { pollMs = 100, timeoutMs = 120_000 } = {}): Promise<BatchReport> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const report = await this.batch(batchId).catch((error: unknown) => {
        if (error instanceof ApiError && error.status < 500) throw error;
        return undefined;
      });
      if (report && report.completedAt !== null) return report;
      if (Date.now() > end) {
        throw new Error(
          `Batch ${batchId} is still ${report?.status ?? 'out of reach'} after ${timeoutMs} ms.`,
        );
      }
      await delay(pollMs);
    }
  }

  /** Every record's verdict, page by page. */
  async *records(batchId: string, query = ''): AsyncGenerator<RecordReport> {
    let next: string | undefined = `/api/batches/${batchId}/records${query}`;
    while (next !== undefined) {
      const page: { value: RecordReport[]; nextLink?: string } = await this.get(next);
      yield* page.value;
      next = page.nextLink;
    }
  }

  private async ok(response: Response): Promise<unknown> {
    const text = await response.text();
    if (!response.ok) throw new ApiError(response.status, text);
    return JSON.parse(text);
  }
}
