import type { Batches } from '../../clients/batches';
import type { Blobs } from '../../clients/blobs';
import type { Subscriptions } from '../../clients/subscriptions';

/** What the purge works with. */
export interface UpkeepDeps {
  readonly blobs: Pick<Blobs, 'list' | 'read' | 'put' | 'forget' | 'remove'>;
  readonly batches: Pick<Batches, 'read' | 'closed'>;
  readonly subscriptions: Pick<Subscriptions, 'all'>;
  /** How long (ms) after its end a batch keeps its instance and its chunks. */
  readonly purgeAfterMs: number;
  /** TTL of markers, seconds. */
  readonly markerTtlSeconds: number;
  readonly now: () => Date;
}

/** Orchestration instances, as far as the purge has to do with them. */
export interface Instances {
  /** When an instance ended; undefined when it has not, or is not there. */
  endedAt(id: string): Promise<Date | undefined>;
  /** Removes an instance that has ended, with its history; `running`: it has not, and stays. One that is not there is `gone`. */
  purge(id: string): Promise<'gone' | 'running'>;
}

/** One run of a step: it ends at about this time, and goes on in the next run. */
export interface Slice {
  readonly instances: Instances;
  /** Unix milliseconds */
  readonly until: number;
  /** Takes what went wrong with one thing; the others are gone on with. */
  readonly report: (text: string) => void;
}

/** Requests of the purge under way at the same time: few, as batches are waiting for the same stores. */
export const AT_A_TIME = 4;
