import { BUCKETS, partitionKey } from '../../domain/keys';
import type { EgressDeps } from './deps';
import { oweChanges } from './owe';

/** Documents of one page, and partitions looked at in one run: each costs a query, also an empty one. */
const PAGE = 200;
const PARTITIONS = 32;

/**
 * Goes round the documents of all data sets, some at a time, and owes what is owed: it finds what the change feed
 * passed over. What the feed has handled is left as it is.
 */
export class Comparison {
  private at = 0;
  private continuation: string | undefined;

  constructor(
    private readonly deps: Pick<EgressDeps, 'subscriptions' | 'deliveries' | 'documents' | 'now'>,
    private readonly datasets: readonly string[],
  ) {}

  /**
   * Compares up to `most` documents, where the run before ended.
   * @returns the subscriptions that are owed something which the feed did not bring
   */
  async run(most: number): Promise<Set<string>> {
    const { datasets } = this;
    const partitions = datasets.length * BUCKETS;
    const found = new Set<string>();
    for (let seen = 0, visited = 0; seen < most && visited < Math.min(partitions, PARTITIONS);) {
      const pk = partitionKey(datasets[Math.floor(this.at / BUCKETS)] ?? '', this.at % BUCKETS);
      const page = await this.deps.documents.page(pk, Math.min(PAGE, most - seen), this.continuation);
      for (const id of await oweChanges(this.deps, page.documents)) found.add(id);
      seen += page.documents.length;
      this.continuation = page.continuation;
      if (page.continuation !== undefined) continue;
      this.at = (this.at + 1) % partitions;
      visited++;
    }
    return found;
  }
}
