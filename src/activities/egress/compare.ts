import type { StoredDocument } from '../../domain/egress/document';
import { BUCKETS, partitionKey } from '../../domain/keys';
import type { EgressDeps } from './deps';
import { owedSubscriptions, oweChanges } from './owe';

/** Documents of one page, and partitions looked at in one run: each costs a query, also an empty one. */
const PAGE = 200;
const PARTITIONS = 32;

/** Where a run begins: a partition, and how far its pages have been read. */
interface Position {
  readonly at: number;
  readonly continuation: string | undefined;
}

/**
 * Goes round the documents of all data sets, some at a time, and owes what is owed: it finds what the change feed
 * passed over. What the feed has handled is left as it is.
 */
export class Comparison {
  /** All documents before it have been compared in this round. */
  private position: Position = { at: 0, continuation: undefined };

  constructor(
    private readonly deps: Pick<EgressDeps, 'subscriptions' | 'deliveries' | 'documents' | 'now'>,
    private readonly datasets: readonly string[],
  ) {}

  /**
   * Compares up to `most` documents, where the run before ended.
   * @param raised told of each partition of rows in which something is owed that the feed did not bring
   */
  async run(most: number, raised: (pk: string) => void): Promise<void> {
    const partitions = this.datasets.length * BUCKETS;
    let next = this.position;
    // A partition has few documents of each subscription's: those of many are compared together, since every
    // subscription costs some requests each time.
    let gathered: StoredDocument[] = [];
    const compare = async (): Promise<void> => {
      await oweChanges(this.deps, await owedSubscriptions(this.deps), gathered, raised, 'seen before');
      gathered = [];
      this.position = next;
    };
    for (let seen = 0, visited = 0; seen < most && visited < Math.min(partitions, PARTITIONS);) {
      const page = await this.page(next, Math.min(PAGE, most - seen));
      seen += page.documents.length;
      gathered.push(...page.documents);
      const isLast = page.continuation === undefined;
      next = { at: isLast ? (next.at + 1) % partitions : next.at, continuation: page.continuation };
      if (isLast) visited++;
      if (gathered.length >= PAGE) await compare();
    }
    await compare();
  }

  private page({ at, continuation }: Position, most: number) {
    const pk = partitionKey(this.datasets[Math.floor(at / BUCKETS)] ?? '', at % BUCKETS);
    return this.deps.documents.page(pk, most, continuation);
  }
}
