import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChangeFeedStartFrom, type Container } from '@azure/cosmos';
import { copySampleApp, removeTemporaryFolders, temporaryFolder } from '../../support/functions-host';
import { until } from '../../support/until';
import { forkSampleHost, killHost } from '../../support/host-process';
import { CosmosFeeds, idsOf, lsnOf } from './cosmos-feeds';

interface Change {
  id: string;
  n?: number;
  _lsn: number;
}

let feeds: CosmosFeeds<Change>;
let child: ChildProcess | undefined;

beforeEach(async () => {
  feeds = await CosmosFeeds.start();
});

afterEach(async () => {
  if (child) await killHost(child);
  child = undefined;
  await feeds.dispose();
});

afterAll(removeTemporaryFolders);

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `item-${index}`);

const write = (container: Container, ids: string[], body: object = {}): Promise<unknown> =>
  Promise.all(ids.map((id) => container.items.upsert({ id, ...body })));

test('every change is delivered, in batches of at most the size asked for, and the lease follows', async () => {
  const container = await feeds.newContainer();
  const ids = numbered(12);
  await write(container, ids);
  await feeds.startHost();
  await feeds.untilSeen('changes', ids);
  expect(feeds.reports('changes').map(({ batch }) => batch.length)).toEqual([5, 5, 2]);
  expect(feeds.seen('changes').toSorted()).toEqual(ids.toSorted());
  expect(feeds.reports('changes')[0]?.metadata).toEqual({
    sys: expect.objectContaining({ methodName: 'changes' }),
  });

  const texts = ['é', '日本', '😀', '"\\', ']},"_count":7}'];
  await write(container, ['item-0'], { n: 1, texts });
  const [change] = (await feeds.sink.wait('changes', 4)).at(-1)?.batch ?? [];
  expect(change).toMatchObject({ id: 'item-0', n: 1, texts });

  await until(async () => lsnOf((await feeds.leases('changes'))[0]) >= (change?._lsn ?? Infinity));
  expect(await feeds.leases('changes')).toEqual([
    expect.objectContaining({
      id: expect.stringMatching(/^changes-127\.0\.0\.1_.+_.+\.\.0$/),
      LeaseToken: '0',
      FeedRange: { Range: { min: '', max: 'FF' } },
      ContinuationToken: expect.stringMatching(/^"\d+"$/),
      Owner: expect.any(String),
      timestamp: expect.stringMatching(/Z$/),
    }),
  ]);
});

test('without startFromBeginning, what was there at the first start is not delivered', async () => {
  const container = await feeds.newContainer();
  await write(container, ['before']);
  await feeds.startHost();
  await feeds.hasLease('fromNow');
  await write(container, ['after']);
  await feeds.untilSeen('fromNow', ['after']);
  await feeds.untilMoved('fromNow');
  await feeds.stopHost();
  await write(container, ['meanwhile']);
  await feeds.startHost();
  await feeds.untilSeen('fromNow', ['meanwhile']);
  expect(feeds.seen('fromNow')).toEqual(['after', 'meanwhile']);
  expect(feeds.seen('changes')).toContain('before');
});

test('when the function throws the lease stays, the batch comes again, and another host goes on there', async () => {
  const container = await feeds.newContainer();
  await write(container, ['a', 'b']);
  await feeds.startHost({ FEEDS_FAIL: 'changes' });
  const failed = await feeds.sink.wait('changes', 3);
  expect(failed.map((report) => idsOf(report).toSorted())).toEqual([
    ['a', 'b'],
    ['a', 'b'],
    ['a', 'b'],
  ]);
  await feeds.stopHost();
  expect((await feeds.leases('changes')).map(({ ContinuationToken }) => ContinuationToken)).toEqual([null]);

  const before = feeds.reports('changes').length;
  await feeds.startHost();
  await until(() => feeds.reports('changes').length > before);
  await feeds.untilMoved('changes');
  expect(idsOf(feeds.reports('changes')[before]).toSorted()).toEqual(['a', 'b']);
});

test('a retry policy runs the same batch again and tells how often, then the lease moves', async () => {
  const container = await feeds.newContainer();
  await write(container, ['a']);
  await feeds.startHost({ FEEDS_FAIL: 'patient', 'AzureWebJobs.changes.Disabled': 'true' });
  const runs = await feeds.sink.wait('patient', 3);
  expect(runs.map(({ retry }) => retry?.retryCount ?? 0)).toEqual([0, 1, 2]);
  expect(runs.map(idsOf)).toEqual([['a'], ['a'], ['a']]);
  await feeds.untilMoved('patient');
  expect(feeds.reports('patient')).toHaveLength(3);
  expect(feeds.seen('changes')).toEqual([]);
});

test('a host killed in the middle of its batches loses nothing, and does not begin anew', async () => {
  const container = await feeds.newContainer();
  const ids = numbered(60);
  await write(container, ids);
  child = await forkSampleHost(temporaryFolder(), feeds.environment());
  await feeds.sink.wait('changes', 4);
  await killHost(child);
  child = undefined;
  const before = feeds.reports('changes').length;
  await feeds.startHost();
  await feeds.untilSeen('changes', ids);
  const again = new Set(feeds.reports('changes').slice(before).flatMap(idsOf));
  // The second batch was read when the lease of the first one was stored.
  expect(idsOf(feeds.reports('changes')[0]).filter((id) => again.has(id))).toEqual([]);
});

test('a store that is restarted is read again, and one that is down at the start is waited for', async () => {
  const container = await feeds.newContainer();
  await feeds.restartStore(async () => void (await feeds.startHost()));
  await feeds.hasLease('changes');
  await write(container, ['first']);
  await feeds.untilSeen('changes', ['first']);
  await feeds.restartStore();
  // The test's own client finds its connections gone.
  await until(() =>
    write(container, ['second']).then(
      () => true,
      () => false,
    ),
  );
  await feeds.untilSeen('changes', ['second']);
});

test('each physical range has its lease, and one that fails does not hold up the other', async () => {
  const container = await feeds.newContainer(12_000);
  const ids = numbered(20);
  await write(container, ids);
  await feeds.startHost();
  await feeds.untilSeen('changes', ids);
  await until(async () =>
    (await feeds.leases('changes')).every(({ ContinuationToken }) => ContinuationToken),
  );
  const tokens = (await feeds.leases('changes')).map(({ LeaseToken }) => LeaseToken);
  expect(tokens).toEqual(['0', '1']);

  const parts = await Promise.all(
    (await container.getFeedRanges()).map(async (range) => {
      const iterator = container.items.getChangeFeedIterator<Change>({
        changeFeedStartFrom: ChangeFeedStartFrom.Beginning(range),
      });
      return (await iterator.readNext()).result.map(({ id }) => id);
    }),
  );
  const [[bad = ''] = [], others = []] = parts;
  await write(container, [bad], { text: 'poison' });
  await until(() => feeds.reports('changes').some((report) => JSON.stringify(report).includes('poison')));
  await write(container, others, { n: 2 });
  await until(() => {
    const told = new Set(
      feeds.reports('changes').flatMap(({ batch }) => batch.flatMap(({ id, n }) => (n === 2 ? [id] : []))),
    );
    return others.every((id) => told.has(id));
  });
});

test('a container that is made after the start is read from its beginning', async () => {
  const requests = (): number => feeds.store.counters?.()['requests'] ?? 0;
  const before = requests();
  await feeds.startHost({ 'AzureWebJobs.changes.Disabled': 'true', 'AzureWebJobs.patient.Disabled': 'true' });
  // Several turns of the only function that looks for it.
  await until(() => requests() >= before + 4);
  const container = await feeds.newContainer();
  await write(container, ['a']);
  await feeds.untilSeen('fromNow', ['a']);
  await container.delete();
  await write(await feeds.newContainer(), ['b']);
  await feeds.untilSeen('fromNow', ['b']);
});

test('after a rebuild of the app the feed goes on, once', async () => {
  const container = await feeds.newContainer();
  const appDir = copySampleApp();
  const host = await feeds.startHost({}, appDir);
  await write(container, ['a']);
  await feeds.untilSeen('changes', ['a']);
  await feeds.untilMoved('changes');
  const code = `require('@azure/functions').app.http('added', { handler: () => ({ body: 'new' }) });`;
  writeFileSync(join(appDir, 'src', 'added.js'), code);
  process.kill(host.workerPids[0] as number, 'SIGKILL');
  await until(async () => (await fetch(`${host.url}/api/added`)).status === 200);
  await write(container, ['b']);
  await feeds.untilSeen('changes', ['b']);
  expect(feeds.seen('changes')).toEqual(['a', 'b']);
});
