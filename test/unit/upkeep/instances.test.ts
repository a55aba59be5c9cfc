import type { ClosedBatch } from '../../../src/clients/batches';
import type { UpkeepDeps } from '../../../src/activities/upkeep/deps';
import { createPurgeInstances } from '../../../src/activities/upkeep/purgeInstances';
import { createPurgeRepairs } from '../../../src/activities/upkeep/purgeRepairs';
import { MALFORMED, worldBefore } from '../../support/ingest-scenarios';
import { AGE, HOUR, Platform, purge } from './purger';

const NOW = Date.parse('2026-03-10T12:00:00Z');

/** Closed batches, and the blob in which the purge notes how far it is. */
class Past {
  readonly batches: ClosedBatch[] = [];
  readonly platform = new Platform();
  readonly reports: string[] = [];
  cursor: Buffer | undefined;
  now = NOW;
  /** Writes of the cursor that are still answered. */
  writes = Infinity;
  /** Rows that were read. */
  read = 0;

  add(id: string, age: number): void {
    this.batches.push({ id, completedAt: new Date(this.now - age).toISOString() });
    this.platform.ended.set(id, new Date(this.now - age));
  }

  get left(): string[] {
    return [...this.platform.ended.keys()];
  }

  private deps(): UpkeepDeps {
    return {
      blobs: {
        forget: () => undefined,
        read: () => Promise.resolve(this.cursor),
        put: (_container: string, _name: string, content: Buffer) => {
          if (this.writes-- <= 0) return Promise.reject(new Error('The connection broke.'));
          this.cursor = content;
          return Promise.resolve();
        },
      },
      batches: {
        closed: (from: string, before: Date, most: number) => {
          const page = this.batches
            .filter(({ completedAt }) => completedAt >= from && completedAt < before.toISOString())
            .toSorted((a, b) => (a.completedAt < b.completedAt ? -1 : 1))
            .slice(0, most);
          this.read += page.length;
          return Promise.resolve(page);
        },
      },
      purgeAfterMs: AGE,
      now: () => new Date(this.now),
    } as unknown as UpkeepDeps;
  }

  /** One run, by a process that has just begun. */
  async run(): Promise<void> {
    const report = (text: string): void => void this.reports.push(text);
    await createPurgeInstances(this.deps())({ instances: this.platform, until: this.now + 1, report });
  }
}

const LATE = AGE + 2 * HOUR;

test('instances go an hour after the age, those of younger batches stay', async () => {
  const past = new Past();
  past.add('old', LATE);
  past.add('due', AGE + HOUR + 1);
  past.add('young', AGE + HOUR - 1);
  await past.run();
  expect(past.left).toEqual(['young']);
  past.now += 2;
  await past.run();
  expect(past.left).toEqual([]);
});

test('what is done is not read again, whatever there is of the past', async () => {
  const past = new Past();
  for (let n = 0; n < 1_000; n++) past.add(`batch ${n}`, LATE + n);
  await past.run();
  expect(past.left).toEqual([]);
  past.read = 0;
  past.platform.purges = 0;
  await past.run();
  expect(past.read).toBe(1);
  expect(past.platform.purges).toBe(1);
});

test('more batches of one millisecond than a page holds are passed', async () => {
  const past = new Past();
  for (let n = 0; n < 700; n++) past.add(`batch ${n}`, LATE + (n < 50 ? 1 : 0));
  await past.run();
  expect(past.left).toEqual([]);
});

test('one that has not ended waits, and goes when it has; the others do not wait for it', async () => {
  const past = new Past();
  for (let n = 0; n < 300; n++) past.add(`batch ${n}`, LATE + n);
  past.platform.running.add('batch 7');
  past.platform.broken.add('batch 9');
  await past.run();
  expect(past.left).toEqual(['batch 7', 'batch 9']);
  expect(past.reports).toEqual([
    'The instance of batch batch 9 could not be purged: Error: The connection broke.',
  ]);
  past.platform.broken.clear();
  past.add('another', LATE);
  await past.run();
  expect(past.left).toEqual(['batch 7']);
  past.platform.running.clear();
  await past.run();
  expect(past.left).toEqual([]);
});

test('with too many that cannot be purged it stops before them', async () => {
  const past = new Past();
  for (let n = 0; n < 1_500; n++) {
    past.add(`batch ${n}`, LATE + n);
    past.platform.broken.add(`batch ${n}`);
  }
  await expect(past.run()).rejects.toThrow('could not be purged');
  past.platform.broken.clear();
  await past.run();
  expect(past.left).toEqual([]);
});

test('a run that is broken off at any write of its cursor leaves nothing behind', async () => {
  for (let writes = 0; writes < 5; writes++) {
    const past = new Past();
    for (let n = 0; n < 500; n++) past.add(`batch ${n}`, LATE + n);
    past.platform.running.add('batch 499');
    past.writes = writes;
    await past.run().catch(() => undefined);
    past.platform.running.clear();
    past.writes = Infinity;
    await past.run();
    expect({ writes, left: past.left }).toEqual({ writes, left: [] });
  }
});

test.each(['', '{', '[]', '{"through":1,"waiting":[7,"other"]}'])(
  'the cursor %s begins anew',
  async (text) => {
    const past = new Past();
    past.add('old', LATE);
    past.cursor = Buffer.from(text);
    if (text.includes('other')) past.platform.ended.set('other', new Date(0));
    await past.run();
    expect(past.left).toEqual([]);
  },
);

test('an upload that was no batch has no chunks, and its instance goes, too', async () => {
  const world = await worldBefore();
  const id = await world.land(MALFORMED);
  const platform = new Platform();
  platform.ended.set(id, new Date(world.stores.now));
  world.stores.now += AGE + HOUR;
  await purge(world, platform);
  expect([...platform.ended.keys()]).toEqual([id]);
  world.stores.now += 1;
  await purge(world, platform);
  expect([...platform.ended.keys()]).toEqual([]);
});

test('ended repairs go round by round, those that run or ended lately stay', async () => {
  const ids = Array.from({ length: 120 }, (_, n) => `s${String(n).padStart(3, '0')}`);
  const platform = new Platform();
  for (const id of ids) platform.ended.set(`repair-${id}-replay`, new Date(NOW - AGE));
  platform.ended.set('repair-s001-recover', new Date(NOW - AGE + 1));
  platform.ended.set('deliver-2-0', new Date(0));
  platform.broken.add('repair-s002-replay');
  const subscriptions = {
    all: () => Promise.resolve(ids.toReversed().map((id) => ({ subscription: { id } }))),
  };
  const deps = { subscriptions, purgeAfterMs: AGE, now: () => new Date(NOW) } as unknown as UpkeepDeps;
  const purgeRepairs = createPurgeRepairs(deps);
  const reports: string[] = [];
  const slice = { instances: platform, until: NOW, report: (text: string) => void reports.push(text) };
  for (let run = 0; run < 3; run++) await purgeRepairs(slice);
  expect([...platform.ended.keys()]).toEqual(['repair-s002-replay', 'repair-s001-recover', 'deliver-2-0']);
  expect(reports).toHaveLength(1);
  platform.broken.clear();
  await purgeRepairs(slice);
  expect(platform.ended.has('repair-s002-replay')).toBe(false);
});
