import { ChangeFeedStartFrom, type Container, type Database } from '@azure/cosmos';
import { drain, goOn } from '../../conformance/cosmos/support/change-feed';
import type { Endpoint } from './endpoint';
import { isDone, type Load } from './load';

const WRITERS = 4;
const GROUP = 5;

interface Found {
  readonly id: string;
  readonly group?: string;
  readonly _etag: string;
}

/** Creates single items and transactional batches; reads the latest versions from a continuation of the first life. */
export class ItemLoad implements Load {
  private readonly single = new Map<string, string>();
  private readonly groups = new Set<string>();
  private continuation = '';
  private made = 0;

  private containerOf(database: Database): Container {
    return database.container('items');
  }

  async prepare(database: Database): Promise<void> {
    await database.containers.create({ id: 'items', partitionKey: { paths: ['/pk'], version: 2 } });
    const { items } = this.containerOf(database);
    await items.create({ id: 'before', pk: 'p' });
    const feed = items.getChangeFeedIterator({ changeFeedStartFrom: ChangeFeedStartFrom.Beginning() });
    ({ continuationToken: this.continuation } = await feed.readNext());
  }

  run(endpoint: Endpoint): Promise<unknown> {
    return Promise.all(Array.from({ length: WRITERS }, (_, writer) => this.writeTo(endpoint, `p${writer}`)));
  }

  private async writeTo(endpoint: Endpoint, pk: string): Promise<void> {
    const { items } = this.containerOf(endpoint.database);
    for (;;) {
      const name = `${pk}-${++this.made}`;
      if (this.made % 2 === 0) {
        const answer = await endpoint.write(items.create({ id: name, pk }));
        if (!isDone(answer)) return;
        this.single.set(name, String(answer.value.resource?._etag));
      } else {
        const operations = Array.from({ length: GROUP }, (_, part) => ({
          operationType: 'Create' as const,
          resourceBody: { id: `${name}_${part}`, pk, group: name },
        }));
        const answer = await endpoint.write(items.batch(operations, pk));
        if (!isDone(answer)) return;
        expect(answer.value.code).toBe(200);
        this.groups.add(name);
      }
    }
  }

  async check(database: Database): Promise<void> {
    const container = this.containerOf(database);
    const stored = (await container.items.readAll<Found>({ maxItemCount: 1_000 }).fetchAll()).resources;
    const etags = new Map(stored.map(({ id, _etag }) => [id, _etag]));
    for (const [id, etag] of this.single) expect(etags.get(id)).toBe(etag);
    const sizes = new Map<string, number>();
    for (const { group } of stored) if (group !== undefined) sizes.set(group, (sizes.get(group) ?? 0) + 1);
    expect([...this.groups].filter((name) => !sizes.has(name))).toEqual([]);
    // Those that were not acknowledged may be there, but only as a whole.
    expect([...sizes].filter(([, size]) => size !== GROUP)).toEqual([]);
    const { ids } = await drain(container, goOn(this.continuation));
    expect(ids.toSorted()).toEqual(
      stored
        .map(({ id }) => id)
        .filter((id) => id !== 'before')
        .toSorted(),
    );
  }
}
