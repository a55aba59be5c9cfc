import type { Api } from '../api';
import { isPassing, MAX_RETRY_AFTER_MS, pauseMs, retryAfterMs } from './retry';
import type { Surroundings } from './surroundings';

/** How long one request may take, ms. */
const REQUEST_TIMEOUT_MS = 120_000;

/** The longest answer that is read, bytes. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** A connection was not made at all: the request has not been seen. */
const UNSEEN = new Set<unknown>(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN']);

/** Why a request is not answered as it should be, from the problem document if there is one. */
export interface Refusal {
  readonly status: number;
  readonly code: string | undefined;
  readonly detail: string;
  /** Place in the body, as the API tells it. */
  readonly line?: number;
  readonly record?: number;
  /** The batch that the idempotency key belongs to. */
  readonly batchId?: string;
}

/** A 2xx answer. */
export interface Answer {
  readonly kind: 'answered';
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/**
 * - `refused`: the same request would be refused again
 * - `gaveUp`: it failed too often, or the server asks for too long a pause
 * - `stopped`: the caller stopped it
 *
 * `maybe`: a request was made whose end nobody knows.
 */
export type Outcome =
  | Answer
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'gaveUp'; readonly reason: string; readonly maybe: boolean }
  | { readonly kind: 'stopped'; readonly maybe: boolean };

/** What `fetch` throws: the cause tells what it was. */
type Broken = Error & { cause?: { code?: string; message?: string } };

type Attempt =
  | { readonly kind: 'response'; readonly response: Response; readonly text: string }
  | { readonly kind: 'broken'; readonly reason: string; readonly maybe: boolean };

/** Sends requests, again and again while that may help. A pause that the server asks for holds all of them. */
export class Client {
  /** Requests that had to be repeated. */
  repeats = 0;
  private heldUntil = 0;

  /** @param cut aborts requests that are under way */
  constructor(
    private readonly api: Api,
    private readonly retries: number,
    private readonly surroundings: Surroundings,
    private readonly cut: AbortSignal,
  ) {}

  /** @param stop ends it before the next attempt */
  async send(path: string, init: RequestInit, stop: AbortSignal): Promise<Outcome> {
    let maybe = false;
    for (let failures = 0; ;) {
      await this.turn(stop);
      if (stop.aborted) return { kind: 'stopped', maybe };
      const attempt = await this.attempt(path, init);
      const judged = judge(attempt);
      if (judged.kind !== 'passing') return judged;
      maybe ||= judged.maybe;
      failures++;
      const askedMs = this.asked(attempt);
      if (askedMs > MAX_RETRY_AFTER_MS) {
        const reason = `${judged.reason}; it asks for a pause of ${Math.round(askedMs / 1_000)} seconds`;
        return { kind: 'gaveUp', reason, maybe };
      }
      if (failures > this.retries) return { kind: 'gaveUp', reason: judged.reason, maybe };
      this.repeats++;
      await this.surroundings.delay(pauseMs(failures, this.surroundings.random(), askedMs), stop);
    }
  }

  /** One request, not repeated: a passing failure is undefined. */
  async once(
    path: string,
    init: RequestInit,
  ): Promise<Exclude<Outcome, { kind: 'gaveUp' | 'stopped' }> | undefined> {
    const judged = judge(await this.attempt(path, init));
    return judged.kind === 'passing' ? undefined : judged;
  }

  /** Waits out the pause that the server asked anyone for. */
  private async turn(stop: AbortSignal): Promise<void> {
    const ms = this.heldUntil - this.surroundings.now();
    if (ms > 0) await this.surroundings.delay(ms, stop);
  }

  private asked(attempt: Attempt): number {
    if (attempt.kind === 'broken') return 0;
    const now = this.surroundings.now();
    const ms = retryAfterMs(attempt.response.headers.get('retry-after'), now) ?? 0;
    const { status } = attempt.response;
    // A key in use holds back its own batch only.
    if (status === 429 || status === 503) this.heldUntil = Math.max(this.heldUntil, now + ms);
    return ms;
  }

  private async attempt(path: string, init: RequestInit): Promise<Attempt> {
    const signals = [
      this.cut,
      AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      ...(init.signal ? [init.signal] : []),
    ];
    try {
      const response = await this.api.request(path, {
        ...init,
        redirect: 'manual',
        signal: AbortSignal.any(signals),
      });
      return { kind: 'response', response, text: await textOf(response) };
    } catch (error) {
      return broken(error as Broken);
    }
  }
}

function broken(error: Broken): Attempt {
  // A request that cannot even be made is a mistake of ours.
  if (error instanceof TypeError && error.cause === undefined) throw error;
  // An error of several addresses has a code, and no message.
  const reason = error.cause?.message || (error.cause?.code ?? error.message);
  return { kind: 'broken', reason, maybe: !UNSEEN.has(error.cause?.code) };
}

function judge(
  attempt: Attempt,
):
  | Exclude<Outcome, { kind: 'gaveUp' | 'stopped' }>
  | { readonly kind: 'passing'; readonly reason: string; readonly maybe: boolean } {
  if (attempt.kind === 'broken') return { kind: 'passing', reason: attempt.reason, maybe: attempt.maybe };
  const { response, text } = attempt;
  const { status, headers } = response;
  const body = jsonOf(text);
  if (response.ok && body !== undefined) return { kind: 'answered', status, headers, body };
  const refusal = refusalOf(status, text, body);
  if (!isPassing(status, refusal.code)) return { kind: 'refused', refusal };
  return { kind: 'passing', reason: `${status} ${refusal.detail}`, maybe: status !== 429 };
}

function refusalOf(status: number, text: string, body: unknown): Refusal {
  const { code, detail, line, record, batchId } = (body ?? {}) as Record<string, unknown>;
  return {
    status,
    code: typeof code === 'string' ? code : undefined,
    detail: typeof detail === 'string' ? detail : withoutProblem(status, text),
    ...(Number.isSafeInteger(line) ? { line: line as number } : {}),
    ...(Number.isSafeInteger(record) ? { record: record as number } : {}),
    ...(typeof batchId === 'string' ? { batchId } : {}),
  };
}

function withoutProblem(status: number, text: string): string {
  if (status === 401) return 'The function key does not open this API.';
  if (status >= 300 && status < 400) return 'The address leads elsewhere: redirects are not followed.';
  return text.trim() === '' ? 'The answer is empty.' : text.slice(0, 500);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The body as text. @throws when it is too long or breaks off */
async function textOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > MAX_ANSWER_BYTES)
      throw new Error('fetch failed', {
        cause: new Error(`The answer is longer than ${MAX_ANSWER_BYTES} bytes.`),
      });
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
