import { fail, SUBSTATUS_THROTTLED, type Failure } from './errors';
import type { ContainerRecord } from './store/resources';

interface Bucket {
  tokens: number;
  filled: number;
}

const MAX_BUCKETS = 100_000;

/**
 * Refuses requests beyond the throughput with which a container, or else its database, was created. Each physical
 * range has its share of a container's, the containers of a database draw on its throughput together. A bucket may go
 * into debt with one request, as on the service, where a charge is known only afterwards.
 */
export class Throttle {
  private readonly buckets = new Map<string, Bucket>();

  constructor(
    private readonly enforced: boolean,
    private readonly clock: () => number,
  ) {}

  private bucket(container: ContainerRecord, range: number): { bucket: Bucket; rate: number } | undefined {
    const offer = container.offer ?? container.sharedOffer;
    const throughput = offer?.autoscaleMax ?? offer?.throughput;
    if (!this.enforced || throughput === undefined) return undefined;
    const rate = container.offer ? throughput / container.ranges.length : throughput;
    const key = container.offer ? `${container.num}/${range}` : `database ${container.database}`;
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

  /**
   * Whether a request to this range has to wait: 429 with the time after which to come back.
   *
   * @param charged what is still to be booked of work that is under way
   */
  check(container: ContainerRecord, range: number, charged = 0): Failure | undefined {
    const found = this.bucket(container, range);
    if (!found) return undefined;
    const left = found.bucket.tokens - charged;
    if (left > 0) return undefined;
    const retryAfterMs = Math.ceil(((1 - left) / found.rate) * 1_000);
    return fail(
      'TooManyRequests',
      'Request rate is large. More Request Units may be needed, so no changes were made.',
      {
        substatus: SUBSTATUS_THROTTLED,
        retryAfterMs,
      },
    );
  }

  /** Whether a request to these ranges has to wait. */
  checkAll(container: ContainerRecord, ranges: readonly number[]): Failure | undefined {
    for (const range of ranges) {
      const refused = this.check(container, range);
      if (refused) return refused;
    }
    return undefined;
  }

  /** Books what a request over several ranges has cost, in equal shares. */
  spendOver(container: ContainerRecord, ranges: readonly number[], charge: number): void {
    for (const range of ranges) this.spend(container, range, charge / ranges.length);
  }

  /** Books what a request has cost. */
  spend(container: ContainerRecord, range: number, charge: number): void {
    const found = this.bucket(container, range);
    if (found) found.bucket.tokens -= charge;
  }
}
