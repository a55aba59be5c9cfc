import type { CosmosDBv4ChangeFeedItem } from '@azure/functions';
import { removeTemporaryFolders } from '../../support/functions-host';
import { until } from '../../support/until';
import { CosmosFeeds, lsnOf } from './cosmos-feeds';

interface Item {
  readonly id: string;
  readonly n?: number;
}

type Change = CosmosDBv4ChangeFeedItem<Item> & { readonly id?: string };

let feeds: CosmosFeeds<Change>;
beforeEach(async () => {
  feeds = await CosmosFeeds.start();
});
afterEach(() => feeds.dispose());
afterAll(removeTemporaryFolders);

/** Only the functions named run, in the modes given. */
const startHost = (modes: Record<string, 'LatestVersion' | 'AllVersionsAndDeletes'>): Promise<object> =>
  feeds.startHost({ FEED_MODES: JSON.stringify(modes) });

const changes = (name: string): Change[] => feeds.reports(name).flatMap(({ batch }) => batch);

const inShort = ({ current, metadata }: Change): string =>
  `${metadata?.operationType} ${current?.id ?? metadata?.id} ${current?.n ?? ''}`.trim();

test('in the mode of all versions every version and deletion comes from the start on, once and in order', async () => {
  const container = await feeds.newContainer();
  await container.items.create({ id: 'before' });
  await startHost({ versions: 'AllVersionsAndDeletes' });
  await feeds.hasLease('versions');
  await container.items.create({ id: 'a', n: 1 });
  await container.items.upsert({ id: 'a', n: 2 });
  await container.item('a', 'a').delete();
  await container.item('before', 'before').delete();
  await until(() => changes('versions').length >= 4);
  const [created, replaced, deleted] = changes('versions');
  expect(created).toEqual({
    current: expect.objectContaining({ id: 'a', n: 1, _etag: expect.any(String) as string }) as object,
    metadata: {
      operationType: 'create',
      lsn: expect.any(Number) as number,
      crts: expect.any(Number) as number,
      previousImageLSN: 0,
      timeToLiveExpired: false,
    },
  });
  expect(replaced?.current).toMatchObject({ id: 'a', n: 2 });
  expect(replaced?.metadata?.previousImageLSN).toBe(created?.metadata?.lsn);
  expect(deleted).toEqual({
    current: null,
    metadata: {
      operationType: 'delete',
      lsn: expect.any(Number) as number,
      crts: expect.any(Number) as number,
      previousImageLSN: replaced?.metadata?.lsn,
      timeToLiveExpired: false,
      id: 'a',
      partitionKey: { id: 'a' },
    },
  });
  const newest = changes('versions').at(-1)?.metadata?.lsn ?? Infinity;
  await until(async () => lsnOf((await feeds.leases('versions'))[0]) >= newest);
  expect(await feeds.leases('versions')).toEqual([expect.objectContaining({ Mode: 'Full-Fidelity Feed' })]);

  await feeds.stopHost();
  await container.items.create({ id: 'b' });
  await container.item('b', 'b').delete();
  await startHost({ versions: 'AllVersionsAndDeletes' });
  await until(() => changes('versions').length >= 6);
  expect(changes('versions').map(inShort)).toEqual([
    'create a 1',
    'replace a 2',
    'delete a',
    'delete before',
    'create b',
    'delete b',
  ]);
});

test('the lease of one mode is not taken for the other, and waits for its own', async () => {
  const container = await feeds.newContainer();
  await startHost({ feed: 'LatestVersion' });
  await feeds.hasLease('feed');
  await feeds.stopHost();
  const leases = await feeds.leases('feed');
  const lines: string[] = [];
  const output = jest
    .spyOn(process.stderr, 'write')
    .mockImplementation((line) => lines.push(String(line)) > 0);
  await startHost({ feed: 'AllVersionsAndDeletes' });
  await until(() => lines.some((line) => line.includes('Switching ChangeFeedMode')));
  output.mockRestore();
  expect(lines.join('')).toContain('Incremental Feed to Full-Fidelity Feed is not allowed');
  await container.items.create({ id: 'a' });
  await feeds.stopHost();
  expect(await feeds.leases('feed')).toEqual(leases);
  await startHost({ feed: 'LatestVersion' });
  await feeds.untilSeen('feed', ['a']);
  expect(feeds.seen('feed')).toEqual(['a']);
});
