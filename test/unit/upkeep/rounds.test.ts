import type { ListedBlob } from '../../../src/clients/blobs';
import type { UpkeepDeps } from '../../../src/activities/upkeep/deps';
import { createPurgeBlobs } from '../../../src/activities/upkeep/purgeBlobs';
import { AGE, HOUR, Platform } from './purger';

const NOW = Date.parse('2026-03-10T12:00:00Z');

/** A container of chunks of closed batches; each look at a batch takes a second. */
class Chunks {
  readonly names = new Map<string, Date>();
  readonly removed: string[] = [];
  now = NOW;
  lists = 0;
  /** Where the next listing breaks off. */
  breaksAt = Infinity;
  /** Batches that cannot be read. */
  readonly broken = new Set<string>();
  readonly reports: string[] = [];
  private readonly step: ReturnType<typeof createPurgeBlobs>;

  constructor() {
    const deps = {
      blobs: {
        list: () => this.list(),
        remove: (_container: string, name: string, unmodifiedSince: Date) => {
          if ((this.names.get(name) ?? unmodifiedSince) <= unmodifiedSince && this.names.delete(name))
            this.removed.push(name);
          return Promise.resolve();
        },
      },
      batches: {
        read: (id: string) => {
          this.now += 1_000;
          if (this.broken.has(id)) return Promise.reject(new Error('The connection broke.'));
          const completedAt = new Date(NOW - 2 * AGE).toISOString();
          return Promise.resolve({ batch: { id, status: 'completed', completedAt, counts: {} }, etag: '' });
        },
      },
      purgeAfterMs: AGE,
      markerTtlSeconds: 60,
      now: () => new Date(this.now),
    };
    this.step = createPurgeBlobs(deps as unknown as UpkeepDeps, 'chunks');
  }

  private async *list(): AsyncGenerator<ListedBlob> {
    this.lists++;
    let count = 0;
    for (const name of [...this.names.keys()].toSorted()) {
      if (count++ >= this.breaksAt) throw new Error('The connection broke.');
      const modifiedOn = this.names.get(name);
      // As listed: it may be gone, or written again, since.
      if (modifiedOn) yield await Promise.resolve({ name, bytes: 1, modifiedOn, metadata: {} });
    }
  }

  fill(batches: number, chunks: number): void {
    for (let batch = 0; batch < batches; batch++)
      for (let chunk = 0; chunk < chunks; chunk++)
        this.names.set(`b${String(batch).padStart(3, '0')}/s/${chunk}.ndjson`, new Date(NOW - 2 * AGE));
  }

  run(ms: number): Promise<void> {
    const report = (text: string): void => void this.reports.push(text);
    return this.step({ instances: new Platform(), until: this.now + ms, report });
  }
}

test('a run ends when its time is over, and the next one goes on where it was', async () => {
  const chunks = new Chunks();
  chunks.fill(50, 3);
  await chunks.run(10_000);
  expect(chunks.removed).toHaveLength(36);
  while (chunks.names.size > 0) await chunks.run(10_000);
  expect(chunks.lists).toBe(1);
});

test('a run ends when it has removed enough', async () => {
  const chunks = new Chunks();
  chunks.fill(30, 200);
  await chunks.run(HOUR);
  expect(chunks.removed.length).toBeGreaterThanOrEqual(5_000);
  expect(chunks.removed.length).toBeLessThan(5_500);
  await chunks.run(HOUR);
  expect(chunks.names.size).toBe(0);
});

test('after a round there is a pause; the next one finds what has come since', async () => {
  const chunks = new Chunks();
  chunks.fill(3, 1);
  await chunks.run(HOUR);
  chunks.fill(5, 1);
  await chunks.run(HOUR);
  expect({ lists: chunks.lists, left: chunks.names.size }).toEqual({ lists: 1, left: 5 });
  chunks.now += AGE / 24;
  await chunks.run(HOUR);
  expect({ lists: chunks.lists, left: chunks.names.size }).toEqual({ lists: 2, left: 0 });
});

test('a listing that breaks off begins anew', async () => {
  const chunks = new Chunks();
  chunks.fill(10, 1);
  chunks.breaksAt = 4;
  await expect(chunks.run(HOUR)).rejects.toThrow('The connection broke.');
  expect(chunks.names.size).toBeGreaterThan(0);
  chunks.breaksAt = Infinity;
  await chunks.run(HOUR);
  expect(chunks.names.size).toBe(0);
});

test('a batch that cannot be purged does not keep the others', async () => {
  const chunks = new Chunks();
  chunks.fill(10, 2);
  chunks.broken.add('b004');
  await chunks.run(HOUR);
  expect([...chunks.names.keys()]).toEqual(['b004/s/0.ndjson', 'b004/s/1.ndjson']);
  expect(chunks.reports).toEqual([
    'What batch b004 has left in "chunks" could not be purged: Error: The connection broke.',
  ]);
});

test('what is written again after it was listed stays', async () => {
  const chunks = new Chunks();
  chunks.fill(6, 1);
  await chunks.run(1);
  expect([...chunks.names.keys()]).toEqual(['b004/s/0.ndjson', 'b005/s/0.ndjson']);
  chunks.names.set('b004/s/0.ndjson', new Date(chunks.now));
  await chunks.run(HOUR);
  expect([...chunks.names.keys()]).toEqual(['b004/s/0.ndjson']);
});
