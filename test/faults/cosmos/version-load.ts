import {
  ChangeFeedMode,
  ChangeFeedStartFrom,
  type ChangeFeedIteratorOptions,
  type Container,
  type Database,
  type OperationInput,
} from '@azure/cosmos';
import { mixSeed, random, type Random } from '../../../tools/lib/random';
import type { Endpoint } from './endpoint';
import { isDone, Known, type Load } from './load';

const WRITERS = 3;
/** Two physical partitions, so that the reader goes round. */
const THROUGHPUT = 12_000;

interface Change {
  readonly type: 'create' | 'replace' | 'delete';
  readonly id: string;
  /** What the item holds; undefined once it is deleted. */
  readonly n: number | undefined;
}

interface Entry {
  readonly current?: { readonly id: string; readonly n: number };
  readonly metadata: {
    readonly operationType: Change['type'];
    readonly lsn: number;
    readonly previousImageLSN?: number;
    readonly id?: string;
  };
}

const idOf = ({ current, metadata }: Entry): string => current?.id ?? metadata.id ?? '';
const changeOf = (entry: Entry): Change => ({
  type: entry.metadata.operationType,
  id: idOf(entry),
  n: entry.current?.n,
});

type Start = NonNullable<ChangeFeedIteratorOptions['changeFeedStartFrom']>;

const feedOf = (container: Container, changeFeedStartFrom: Start) =>
  container.items.getChangeFeedIterator<Entry>({
    changeFeedStartFrom,
    changeFeedMode: ChangeFeedMode.AllVersionsAndDeletes,
    maxItemCount: 7,
  });

/** Reads from a continuation until there is nothing new. */
async function drain(container: Container, continuation: string): Promise<[Entry[], string]> {
  const entries: Entry[] = [];
  for await (const page of feedOf(
    container,
    ChangeFeedStartFrom.Continuation(continuation),
  ).getAsyncIterator()) {
    if (page.statusCode === 304) return [entries, page.continuationToken];
    entries.push(...page.result);
  }
  throw new Error('The feed has no end.');
}

/** The writer of one partition key: what it did, in this order. */
class Writer {
  readonly history = new Known<readonly Change[]>([]);
  private made = 0;

  constructor(
    readonly pk: string,
    private readonly r: Random,
  ) {}

  /** A change, or several in one batch, of what is there after those acknowledged. */
  private next(): Change[] {
    const last = new Map(this.history.acknowledged.map((change) => [change.id, change]));
    const there = [...last.values()].filter(({ n }) => n !== undefined).map(({ id }) => id);
    const n = ++this.made;
    const created: Change = { type: 'create', id: `${this.pk}-${n}`, n };
    if (there.length < 3) return [created];
    const id = this.r.pick(there);
    return this.r.pick<Change[]>([
      [created],
      [{ type: 'replace', id, n }],
      [{ type: 'replace', id, n }],
      [{ type: 'delete', id, n: undefined }],
      [created, { ...created, type: 'replace', n: -n }, { type: 'delete', id, n: undefined }],
    ]);
  }

  private send(container: Container, changes: readonly Change[]): Promise<unknown> {
    const { pk } = this;
    const [{ type, id, n }] = changes as readonly [Change];
    if (changes.length === 1) {
      if (type === 'delete') return container.item(id, pk).delete();
      if (type === 'create') return container.items.create({ id, pk, n });
      return this.r.pick([
        () => container.item(id, pk).replace({ id, pk, n }),
        () => container.items.upsert({ id, pk, n }),
        () => container.item(id, pk).patch([{ op: 'set', path: '/n', value: n }]),
      ])();
    }
    const operations = changes.map((change): OperationInput => {
      if (change.type === 'delete') return { operationType: 'Delete', id: change.id };
      return { operationType: 'Upsert', resourceBody: { id: change.id, pk, n: change.n ?? 0 } };
    });
    return container.items.batch(operations, pk).then(({ code }) => expect(code).toBe(200));
  }

  async run(endpoint: Endpoint, container: Container): Promise<void> {
    for (;;) {
      const changes = this.next();
      const after = [...this.history.acknowledged, ...changes];
      if (!isDone(await this.history.change(after, endpoint.write(this.send(container, changes))))) return;
    }
  }
}

/** Changes items in every way, while a client reads all their versions; it goes on in the next life where it was. */
export class VersionLoad implements Load {
  private readonly writers: readonly Writer[];
  private first = '';
  private continuation = '';
  private readonly seen: Entry[] = [];

  constructor(seed: number) {
    this.writers = Array.from(
      { length: WRITERS },
      (_, n) => new Writer(`p${n}`, random(mixSeed(seed, 2, n))),
    );
  }

  private containerOf(database: Database): Container {
    return database.container('versions');
  }

  async prepare(database: Database): Promise<void> {
    const partitionKey = { paths: ['/pk'], version: 2 };
    await database.containers.create({ id: 'versions', partitionKey, throughput: THROUGHPUT });
    const feed = feedOf(this.containerOf(database), ChangeFeedStartFrom.Now());
    const { continuationToken } = await feed.readNext();
    this.first = this.continuation = continuationToken;
  }

  run(endpoint: Endpoint): Promise<unknown> {
    const container = this.containerOf(endpoint.database);
    const writing = this.writers.map((writer) => writer.run(endpoint, container));
    return Promise.all([...writing, this.follow(endpoint, container)]);
  }

  private async follow(endpoint: Endpoint, container: Container): Promise<void> {
    const feed = feedOf(container, ChangeFeedStartFrom.Continuation(this.continuation));
    for (;;) {
      const answer = await endpoint.read(feed.readNext());
      if (!isDone(answer)) return;
      if (answer.value.statusCode === 200) this.seen.push(...answer.value.result);
      this.continuation = answer.value.continuationToken;
    }
  }

  async check(database: Database): Promise<void> {
    const container = this.containerOf(database);
    const [rest, continuation] = await drain(container, this.continuation);
    this.seen.push(...rest);
    this.continuation = continuation;
    const [again] = await drain(container, this.first);
    for (const { pk, history } of this.writers) {
      const own = this.seen.filter((entry) => idOf(entry).startsWith(`${pk}-`));
      expect(again.filter((entry) => idOf(entry).startsWith(`${pk}-`))).toEqual(own);
      history.settle(own.map(changeOf));
      const numbers = new Map<string, number>();
      let before = 0;
      for (const entry of own) {
        const { lsn, previousImageLSN } = entry.metadata;
        expect(lsn).toBeGreaterThan(before);
        expect(previousImageLSN).toBe(numbers.get(idOf(entry)));
        numbers.set(idOf(entry), (before = lsn));
      }
    }
  }
}
