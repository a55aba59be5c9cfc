import type { Lifetime } from './lifetime';
import type { FunctionMetadata, InvocationReply, JsonBytes, RetryContext, TypedData } from './protocol';

/** Gives a batch to a function, with its retries, until it succeeds, fails for good, or the lifetime ends. */
export type Deliver = (
  trigger: TypedData | JsonBytes,
  life: Lifetime,
  metadata?: Record<string, TypedData>,
) => Promise<{ ok: true } | { ok: false; message: string }>;

/**
 * Retry policies of timer, Event Hubs and Cosmos DB functions:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages#retry-policies
 */
export interface RetryPolicy {
  /** -1 for no limit. */
  maxRetryCount: number;
  /** Pause before retry number `retry` (1 is the first), in ms. */
  delayMs(retry: number): number;
}

/** The policy of a function, or undefined when it has none. */
export function retryPolicy({ retryOptions }: FunctionMetadata): RetryPolicy | undefined {
  if (!retryOptions) return undefined;
  const maxRetryCount = retryOptions.maxRetryCount ?? 0;
  const fixed = (retryOptions.delayInterval?.seconds ?? 0) * 1000;
  if (retryOptions.retryStrategy !== 'exponentialBackoff') return { maxRetryCount, delayMs: () => fixed };
  const minimum = (retryOptions.minimumInterval?.seconds ?? 0) * 1000;
  const maximum = (retryOptions.maximumInterval?.seconds ?? 0) * 1000;
  return { maxRetryCount, delayMs: (retry) => Math.min(maximum, minimum * 2 ** Math.min(retry - 1, 30)) };
}

/**
 * Runs `attempt` until it succeeds, the policy is exhausted, or `stopped` says that the host has no time for another
 * try; resolves with the last failure's text.
 */
export async function runWithRetries(
  policy: RetryPolicy | undefined,
  attempt: (retry: RetryContext | undefined) => Promise<InvocationReply>,
  pause: (ms: number) => Promise<void>,
  stopped: () => boolean,
): Promise<{ ok: true } | { ok: false; message: string }> {
  for (let retryCount = 0; ; retryCount++) {
    const context = policy && { retryCount, maxRetryCount: policy.maxRetryCount };
    const failure = await attempt(context).then(
      (reply) => (reply.ok ? undefined : reply.error.message),
      (error: Error) => error.message,
    );
    if (failure === undefined) return { ok: true };
    const limit = policy?.maxRetryCount ?? 0;
    if (stopped() || (limit >= 0 && retryCount >= limit)) return { ok: false, message: failure };
    await pause(policy?.delayMs(retryCount + 1) ?? 0);
    if (stopped()) return { ok: false, message: failure };
  }
}
