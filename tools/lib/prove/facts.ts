import type { BatchStatus } from '../../../src/domain/ingest/batch';
import type { Verdict } from '../../../src/domain/ingest/verdict';
import type { LoadRecords } from '../load/records';

/** A record of the load that has a 202. */
export interface Accepted {
  /** Its number in the load. */
  readonly index: number;
  readonly id: string;
}

/** A record as a line of the hub or of the archive has it. */
export interface Line {
  readonly id: string;
  /** ms since the epoch */
  readonly receivedAt: number;
  readonly key: string;
  /** ms since the epoch */
  readonly eventTime: number;
  /** Hash of the record's text. */
  readonly content: string;
  readonly dataset: string;
  readonly schemaVersion: string;
}

export interface HubEvent {
  readonly sequenceNumber: number;
  readonly lines: readonly Line[];
}

/** A partition of the hub, with everything that was ever sent to it. */
export interface HubPartition {
  readonly partition: string;
  /** The number of its first event, and of the last; -1: there is none. */
  readonly begin: number;
  readonly last: number;
  readonly events: readonly HubEvent[];
}

export interface ClaimPart {
  readonly batchId: string;
  readonly dataset: string;
  readonly schemaVersion: string;
  readonly records: number;
}

/** A range of a partition, as the app has claimed it. */
export interface ClaimFact {
  readonly epoch: string;
  readonly partition: string;
  readonly first: number;
  readonly last: number;
  readonly parts: readonly ClaimPart[];
  readonly foreign: number;
  readonly lost?: { readonly first: number; readonly last: number };
}

export interface VerdictLine {
  readonly index: number;
  readonly key: string | null;
  readonly verdict: Verdict;
  readonly version?: number;
}

/** A batch with what is stored of it. */
export interface BatchFact {
  readonly id: string;
  readonly status: BatchStatus;
  readonly accepted: number;
  readonly requestCharge: number;
  /** ms since the epoch */
  readonly completedAt?: number;
  /** Of the archived body; undefined: there is none, or it is not what its document says. */
  readonly archived?: readonly Line[];
  readonly verdicts: readonly VerdictLine[];
}

export interface DocumentFact {
  readonly key: string;
  readonly version: number;
  readonly deleted: boolean;
  /** Hash of its content in the canonical form of RFC 8785. */
  readonly content: string;
  readonly newest: {
    readonly eventTime: number;
    readonly receivedAt: number;
    readonly batchId: string;
    readonly index: number;
  };
}

/** A change that a consumer has answered with 2xx. */
export interface Taken {
  readonly key: string;
  readonly version: number;
  /** ms since the epoch: when the request had come */
  readonly at: number;
}

export interface ConsumerFact {
  readonly name: string;
  readonly subscription: string;
  /** In the order in which they came. */
  readonly taken: readonly Taken[];
}

/** What the app's own ledger says. */
export interface LedgerFact {
  readonly balanced: boolean;
  /** What it names as wrong, in words. */
  readonly faults: readonly string[];
  readonly total: Readonly<Record<string, number>>;
  readonly subscriptions: readonly {
    readonly id: string;
    readonly versions: number;
    readonly delivered: number;
    readonly superseded: number;
    readonly deadLettered: number;
    readonly notOwed: number;
    readonly pending: { readonly due: number; readonly trying: number; readonly waiting: number };
  }[];
}

/** Everything that is known of a run: what the load was told, what is stored, what consumers were told. */
export interface Facts {
  /** Makes every record of the load again. */
  readonly records: LoadRecords;
  readonly accepted: readonly Accepted[];
  /** Numbers of records of which a request had no answer, or one that does not tell: there may be more of them. */
  readonly unknown: ReadonlySet<number>;
  readonly partitions: readonly HubPartition[];
  readonly claims: readonly ClaimFact[];
  readonly batches: readonly BatchFact[];
  readonly documents: readonly DocumentFact[];
  readonly consumers: readonly ConsumerFact[];
  readonly ledger: LedgerFact;
}
