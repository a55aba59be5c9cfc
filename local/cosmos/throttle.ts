import { fail, SUBSTATUS_THROTTLED, type Failure } from './errors';
import type { ContainerRecord } from './store/catalog';

interface Bucket {
  tokens: number;
  filled: number;
}

const MAX_BUCKETS = 100_000;

/**
 * Refuses requests beyond the throughput with which a container was created. Each physical range has its share
 * and may go into debt with one request, as on the service, where a charge is known only afterwards.
 */
export class Throttle {
  private readonly buckets = new Map<string, Bucket>();

  constructor(
    private readonly enforced: boolean,
    private readonly clock: () => number,
  ) {}

  private bucket(container: ContainerRecord, range: number): { bucket: Bucket; rate: number } | undefined {
    const throughput = container.offer?.autoscaleMax ?? container.offer?.throughput;
    if (!this.enforced || throughput === undefined) return undefined;
    const rate = throughput / container.ranges.length;
    const key = `${container.num}/${range}`;
    const now = this.clock();
    let bucket = this.buckets.get(key);
    if (!bucket) {
      if (this.buckets.size >= MAX_BUCKETS) this.buckets.clear();
      bucket = { tokens: rate, filled: now };
      this.buckets.set(key, bucket);
    }
    bucket.tokens = Math.min(rate, bucket.tokens + ((now - bucket.filled) / 1_000) * rate);
    bucket.filled = now;
    return { bucket, rate };
  }

  /** Whether a request to this range has to wait: 429 with the time after which to come back. */
  check(container: ContainerRecord, range: number): Failure | undefined {
    const found = this.bucket(container, range);
    if (!found || found.bucket.tokens > 0) return undefined;
    const retryAfterMs = Math.ceil(((1 - found.bucket.tokens) / found.rate) * 1_000);
    return fail(
      'TooManyRequests',
      'Request rate is large. More Request Units may be needed, so no changes were made.',
      {
        substatus: SUBSTATUS_THROTTLED,
        retryAfterMs,
      },
    );
  }

  /** Books what a request has cost. */
  spend(container: ContainerRecord, range: number, charge: number): void {
    const found = this.bucket(container, range);
    if (found) found.bucket.tokens -= charge;
  }
}
