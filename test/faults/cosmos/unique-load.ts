import type { Container, Database } from '@azure/cosmos';
import { mixSeed, random, type Random } from '../../../tools/lib/random';
import type { Endpoint } from './endpoint';
import { isDone, Known, type Load } from './load';

const WRITERS = 3;
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const PK = 'p';

interface Item {
  readonly id: string;
  readonly name: string;
}

/** Several writers compete for a few unique names: they take them, exchange them and give them up. */
export class UniqueLoad implements Load {
  /** The name of each item, undefined when there is none, by id. */
  private readonly items = new Map<string, Known<string | undefined>>();
  private readonly randoms: readonly Random[];

  constructor(seed: number) {
    this.randoms = Array.from({ length: WRITERS }, (_, writer) => random(mixSeed(seed, 4, writer)));
    // Two for each writer.
    for (let n = 0; n < 2 * WRITERS; n++) this.items.set(`${n}`, new Known<string | undefined>(undefined));
  }

  private containerOf(database: Database): Container {
    return database.container('unique');
  }

  prepare(database: Database): Promise<unknown> {
    return database.containers.create({
      id: 'unique',
      partitionKey: { paths: ['/pk'], version: 2 },
      uniqueKeyPolicy: { uniqueKeys: [{ paths: ['/name'] }] },
    });
  }

  run(endpoint: Endpoint): Promise<unknown> {
    return Promise.all(this.randoms.map((r, writer) => this.compete(endpoint, writer, r)));
  }

  private async compete(endpoint: Endpoint, writer: number, r: Random): Promise<void> {
    const container = this.containerOf(endpoint.database);
    for (;;) {
      const id = `${2 * writer + r.integer(0, 1)}`;
      const item = this.items.get(id)!;
      const gives = item.acknowledged !== undefined && r.next() < 0.4;
      const name = gives ? undefined : r.pick(NAMES);
      const send = (): Promise<unknown> => {
        if (name === undefined) return container.item(id, PK).delete();
        if (item.acknowledged === undefined) return container.items.create({ id, pk: PK, name });
        return r.pick([
          () => container.item(id, PK).replace({ id, pk: PK, name }),
          () => container.item(id, PK).patch([{ op: 'set', path: '/name', value: name }]),
        ])();
      };
      const answer = await item.change(name, endpoint.write(send()));
      if (answer.kind === 'gone') return;
      // Whoever was given it before us, and has not begun to give it up, has it still.
      if (isDone(answer, 409) && name !== undefined) expect(this.holders(name)).toEqual([id]);
    }
  }

  private holders(name: string): string[] {
    return [...this.items].filter(([, item]) => item.acknowledged === name && !item.isOpen).map(([id]) => id);
  }

  async check(database: Database): Promise<void> {
    const container = this.containerOf(database);
    const stored = (await container.items.readAll<Item>().fetchAll()).resources;
    const names = new Map(stored.map(({ id, name }) => [id, name]));
    for (const [id, item] of this.items) item.settle(names.get(id));
    expect(new Set(names.values()).size).toBe(stored.length);
    // What is free can be taken, and nothing else.
    for (const name of NAMES) {
      const taken = [...names.values()].includes(name);
      const probe = await container.items.create({ id: 'probe', pk: PK, name }).then(
        ({ statusCode }) => statusCode,
        (error: { code: number }) => error.code,
      );
      expect([name, probe]).toEqual([name, taken ? 409 : 201]);
      if (!taken) await container.item('probe', PK).delete();
    }
  }
}
