import type { Container, Database } from '@azure/cosmos';
import { mixSeed, random, type Random } from '../../../tools/lib/random';
import type { Endpoint } from './endpoint';
import { isDone, Known, type Load } from './load';

const WRITERS = 4;
const COUNTERS = ['one', 'two'];
const PK = 'p';

/** Counts by writer: a lost update takes back a count of another one. */
interface Counter {
  readonly id: string;
  readonly pk: string;
  readonly total: number;
  readonly by: readonly number[];
}

/** Several writers count on the same items: by patches, and by replacing under the ETag what they read. */
export class CounterLoad implements Load {
  private readonly counts = COUNTERS.map((id) => ({
    id,
    by: Array.from({ length: WRITERS }, () => new Known(0)),
  }));
  private readonly randoms: readonly Random[];

  constructor(seed: number) {
    this.randoms = Array.from({ length: WRITERS }, (_, writer) => random(mixSeed(seed, 3, writer)));
  }

  private containerOf(database: Database): Container {
    return database.container('counters');
  }

  async prepare(database: Database): Promise<void> {
    await database.containers.create({ id: 'counters', partitionKey: { paths: ['/pk'], version: 2 } });
    const by = Array.from({ length: WRITERS }, () => 0);
    for (const id of COUNTERS)
      await this.containerOf(database).items.create<Counter>({ id, pk: PK, total: 0, by });
  }

  run(endpoint: Endpoint): Promise<unknown> {
    return Promise.all(this.randoms.map((r, writer) => this.count(endpoint, writer, r)));
  }

  private async count(endpoint: Endpoint, writer: number, r: Random): Promise<void> {
    for (;;) {
      const { id, by } = r.pick(this.counts);
      const own = by[writer]!;
      const item = this.containerOf(endpoint.database).item(id, PK);
      const read = await endpoint.read(item.read<Counter>());
      if (!isDone(read)) return;
      const { resource: counter, etag } = read.value;
      if (!counter) throw new Error(`The counter "${id}" is gone.`);
      const accessCondition = { type: 'IfMatch', condition: etag };
      const changed: Counter = {
        ...counter,
        total: counter.total + 1,
        by: counter.by.map((count, n) => (n === writer ? count + 1 : count)),
      };
      const increments = ['/total', `/by/${writer}`].map((path) => ({ op: 'incr' as const, path, value: 1 }));
      const send = r.pick<() => Promise<unknown>>([
        () => item.replace(changed, { accessCondition }),
        () => item.patch(increments, { accessCondition }),
        () => item.patch(increments),
      ]);
      const answer = await own.change(own.acknowledged + 1, endpoint.write(send()));
      if (!isDone(answer, 412) && answer.kind === 'gone') return;
    }
  }

  async check(database: Database): Promise<void> {
    for (const { id, by } of this.counts) {
      const { resource } = await this.containerOf(database).item(id, PK).read<Counter>();
      for (const [writer, count] of by.entries()) count.settle(resource?.by[writer] ?? -1);
      expect(resource?.total).toBe(by.reduce((sum, { acknowledged }) => sum + acknowledged, 0));
    }
  }
}
