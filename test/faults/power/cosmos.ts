import { type Container, CosmosClient, type OperationInput } from '@azure/cosmos';
import { cosmosConnectionString, startCosmos } from '../../../local/cosmos/server';
import type { Random } from '../../../tools/lib/random';
import { RecordedEndpoint } from './child';
import type { NoteBook, Promises, Writes } from './promises';
import type { PowerService } from './service';

const KEY = Buffer.from('a key for tests only').toString('base64');
const WORKERS = 6;
const GROUP = 4;
/** Sizes of documents: within a page of the store, and over several. */
const SIZES = [10, 1_000, 9_000, 40_000];

interface Item {
  readonly id: string;
  readonly pk: string;
  /** Which version it is, and how many characters of filler it has. */
  readonly value: string;
  readonly filler: string;
}

function keyOf({ pk, id }: { pk: string; id: string }): string {
  return `${pk}/${id}`;
}

function itemOf(pk: string, id: string, value: string): Item {
  return { pk, id, value, filler: value.repeat(Math.ceil(Number(value.split(':')[1]) / value.length)) };
}

function valueOf(item: Item): string {
  return item.filler === itemOf(item.pk, item.id, item.value).filler ? item.value : 'damaged';
}

async function containerAt(port: number): Promise<{ client: CosmosClient; container: Container }> {
  const client = new CosmosClient(cosmosConnectionString({ port, key: KEY }));
  const { database } = await client.databases.createIfNotExists({ id: 'db' });
  const { container } = await database.containers.createIfNotExists({
    id: 'c',
    partitionKey: { paths: ['/pk'], version: 2 },
  });
  return { client, container };
}

/** One after the other: creates, replaces, deletes, and batches that do all three in one transaction. */
async function write(container: Container, notes: NoteBook, random: Random, pk: string): Promise<never> {
  let own: string[] = [];
  for (let turn = 0; ; turn++) {
    const value = `${turn}:${random.pick(SIZES)}`;
    const created = itemOf(pk, `${turn}`, value);
    const [old] = own;
    const kind = random.integer(0, 3);
    if (kind === 0 || old === undefined) {
      await notes.ask({ [keyOf(created)]: value }, () => container.items.create(created));
      own.push(created.id);
    } else if (kind === 1) {
      await notes.ask({ [keyOf({ pk, id: old })]: value }, () =>
        container.item(old, pk).replace({ ...created, id: old }),
      );
    } else if (kind === 2) {
      await notes.ask({ [keyOf({ pk, id: old })]: null }, () => container.item(old, pk).delete());
      own = own.slice(1);
    } else {
      const ids = Array.from({ length: GROUP }, (_, index) => `${turn}_${index}`);
      await batch(container, notes, { pk, value, created: ids, deleted: old });
      own = [...own.slice(1), ...ids];
    }
  }
}

async function batch(
  container: Container,
  notes: NoteBook,
  { pk, value, created, deleted }: { pk: string; value: string; created: readonly string[]; deleted: string },
): Promise<void> {
  const operations: OperationInput[] = [
    ...created.map((id) => ({
      operationType: 'Create' as const,
      resourceBody: { ...itemOf(pk, id, value) },
    })),
    { operationType: 'Delete' as const, id: deleted },
  ];
  const writes: Writes = {
    ...Object.fromEntries(created.map((id) => [keyOf({ pk, id }), value])),
    [keyOf({ pk, id: deleted })]: null,
  };
  await notes.ask(writes, async () => {
    const { code } = await container.items.batch(operations, pk);
    if (code !== 200) throw new Error(`A batch was refused with ${code}.`);
  });
}

async function found(container: Container): Promise<Map<string, string>> {
  const { resources } = await container.items.readAll<Item>({ maxItemCount: 1_000 }).fetchAll();
  return new Map(resources.map((item) => [keyOf(item), valueOf(item)]));
}

/** Cosmos DB: creates, replaces and deletions, alone and in transactional batches. */
export const cosmos: PowerService<RecordedEndpoint> = {
  name: 'cosmos',

  hasOneWriter: true,

  start: (dataDir) => RecordedEndpoint.start('cosmos', { dataDir, key: KEY }),

  async load({ port }, notes, random, life) {
    const { container } = await containerAt(port);
    const workers = Array.from({ length: WORKERS }, (_, worker) => `${life}-${worker}`);
    await Promise.all(workers.map((pk) => write(container, notes, random, pk)));
  },

  async read({ port }) {
    // Of the SDK's first requests none writes, once database and container are there.
    return found((await containerAt(port)).container);
  },

  async check(dataDir: string, promises: Promises) {
    const service = await startCosmos({ dataDir, port: 0, key: KEY });
    const { client, container } = await containerAt(service.port);
    try {
      const faults = promises.faults(await found(container));
      const after = itemOf('after', 'after', 'after:9000');
      await container.items.create(after);
      const { resource } = await container.item('after', 'after').read<Item>();
      return resource && valueOf(resource) === after.value
        ? faults
        : [...faults, 'what was written after the cut is not there'];
    } finally {
      client.dispose();
      await service.dispose();
    }
  },
};
