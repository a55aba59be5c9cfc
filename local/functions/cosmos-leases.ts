import type { Container, PartitionKeyRange } from '@azure/cosmos';
import { statusOf } from './cosmos-errors';
import type { FeedMode } from './cosmos-options';

/** What stands in a lease for the mode of its feed. */
const MODES = { LatestVersion: 'Incremental Feed', AllVersionsAndDeletes: 'Full-Fidelity Feed' } as const;

/** A lease document, with the fields of the change feed processor's. */
export interface LeaseDocument {
  id: string;
  /** Id of the partition key range that it stands for. */
  LeaseToken: string;
  /** The effective keys of the range. */
  FeedRange: { Range: { min: string; max: string } };
  /** What of the feed has been processed, as its etag: a log sequence number in quotes. Null: nothing yet. */
  ContinuationToken: string | null;
  Owner: string;
  /** When it was last written. */
  timestamp: string;
  Mode: (typeof MODES)[FeedMode];
  properties: Record<string, string>;
}

type Stored = LeaseDocument & { _etag: string };

/** The lease of one range of a feed. */
export class Lease {
  private etag: string;

  constructor(
    private readonly container: Container,
    private document: LeaseDocument,
    etag: string,
    private readonly owner: string,
  ) {
    this.etag = etag;
  }

  get token(): string | undefined {
    return this.document.ContinuationToken ?? undefined;
  }

  /**
   * Stores how far the feed has been processed.
   * @returns 'lost' when another host has written the lease, or it is gone.
   * @throws when the store cannot be reached.
   */
  async move(token: string): Promise<'moved' | 'lost'> {
    const document = {
      ...this.document,
      ContinuationToken: token,
      Owner: this.owner,
      timestamp: new Date().toISOString(),
    };
    const { id } = document;
    const accessCondition = { type: 'IfMatch', condition: this.etag };
    try {
      const reply = await this.container.item(id, id).replace<LeaseDocument>(document, { accessCondition });
      this.etag = reply.etag;
    } catch (error) {
      const status = statusOf(error);
      if (status === 412 || status === 404) return 'lost';
      throw error;
    }
    this.document = document;
    return 'moved';
  }
}

/** The leases of one feed in their container. */
export class Leases {
  constructor(
    private readonly container: Container,
    /** Before the token of each range, in the ids of the documents. */
    private readonly prefix: string,
    private readonly owner: string,
    private readonly mode: FeedMode,
  ) {}

  /**
   * The lease of a range; a new one begins at the token that `begin` gives.
   * @throws when it is the lease of a feed in the other mode, as the platform's does.
   */
  async open(range: PartitionKeyRange, begin: () => Promise<string | undefined>): Promise<Lease> {
    const id = `${this.prefix}..${range.id}`;
    const existing = (await this.container.item(id, id).read<Stored>()).resource;
    if (existing) {
      this.checkMode(existing);
      return this.lease(existing);
    }
    const document: LeaseDocument = {
      id,
      LeaseToken: range.id,
      FeedRange: { Range: { min: range.minInclusive, max: range.maxExclusive } },
      ContinuationToken: (await begin()) ?? null,
      Owner: this.owner,
      timestamp: new Date().toISOString(),
      Mode: MODES[this.mode],
      properties: {},
    };
    const { resource } = await this.container.items.create<LeaseDocument>(document);
    return this.lease(resource as Stored);
  }

  private checkMode({ id, Mode = MODES.LatestVersion }: Pick<Stored, 'id'> & Partial<Stored>): void {
    const mode = MODES[this.mode];
    if (Mode === mode) return;
    const remedy = 'give the function another leaseContainerPrefix, or delete its leases';
    throw new Error(`Switching ChangeFeedMode ${Mode} to ${mode} is not allowed (lease ${id}): ${remedy}`);
  }

  private lease(stored: Stored): Lease {
    const { id, LeaseToken, FeedRange, ContinuationToken, Owner, timestamp, Mode, properties } = stored;
    const document = { id, LeaseToken, FeedRange, ContinuationToken, Owner, timestamp, Mode, properties };
    return new Lease(this.container, document, stored._etag, this.owner);
  }
}
