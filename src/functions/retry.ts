import type { RetryOptions } from '@azure/functions';

/** Of triggers whose events must not be passed over: without a policy, or after its last retry, the platform moves on. */
export const RETRY_FOR_EVER: RetryOptions = {
  strategy: 'exponentialBackoff',
  maxRetryCount: -1,
  minimumInterval: { seconds: 1 },
  maximumInterval: { seconds: 30 },
};
