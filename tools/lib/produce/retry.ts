/** Longest pause that follows from the number of failures alone, ms. */
const MAX_BACKOFF_MS = 30_000;
const FIRST_BACKOFF_MS = 500;

/** A server that asks for more is not waited for, ms. */
export const MAX_RETRY_AFTER_MS = 10 * 60_000;

/** Statuses that say nothing about the request itself (https://www.rfc-editor.org/rfc/rfc9110#section-15). */
const PASSING = new Set([408, 425, 429]);

/** Whether the same request may go well later. */
export function isPassing(status: number, code: unknown): boolean {
  if (status === 409) return code === 'idempotency-key-in-use';
  return status >= 500 || PASSING.has(status);
}

/**
 * `Retry-After` in ms from now: seconds or an HTTP date (https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3).
 * Undefined when there is none that can be read.
 */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  // Dates only: the parser would read almost any number as a year.
  const date = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/**
 * The pause before the next request: exponential with full jitter
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), and on top of what the server asked for,
 * so that those it held back together do not come back together.
 * @param failures so far, from 1
 * @param random uniform in [0, 1)
 */
export function pauseMs(failures: number, random: number, askedMs = 0): number {
  return askedMs + random * Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1));
}
