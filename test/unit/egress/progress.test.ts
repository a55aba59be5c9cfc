import * as fc from 'fast-check';
import {
  claim,
  isPending,
  plan,
  raise,
  recheck,
  release,
  replay,
  retry,
  settle,
} from '../../../src/domain/egress/progress';
import { newRow, type DeliveryRow, type EventKind, type LastAttempt } from '../../../src/domain/egress/row';

const NOW = 1_000_000;

const first = (version: number): DeliveryRow =>
  newRow('s', { id: 'd', pk: 'products:1', dataset: 'products', key: 'd', version }, 0, NOW);

const last = (kind: EventKind, version: number): LastAttempt => ({
  at: new Date(NOW).toISOString(),
  kind,
  version,
  durationMs: 1,
});

const balanced = (row: DeliveryRow): boolean =>
  row.settled - row.base === row.delivered + row.superseded + row.deadLettered + row.notOwed &&
  row.owed >= row.settled &&
  (isPending(row) ? row.due !== undefined : true);

/** One document, its row, and the receiver who remembers what it was told. */
class World {
  version = 0;
  deleted = false;
  matching = true;
  row: DeliveryRow | undefined;
  now = NOW;
  /** What the receiver has, by the newest version it was told; undefined: it does not have the document. */
  held: number | undefined;
  newestSeen = 0;
  readonly seen: { kind: EventKind; version: number }[] = [];
  private tokens = 0;
  /** A request that was started, answered or not. */
  private open: { token: string; kind: EventKind; version: number; until: number } | undefined;

  change(matches: boolean, deleted: boolean): void {
    this.version++;
    this.matching = matches;
    this.deleted = deleted;
  }

  /** The feed shows the newest version. */
  feed(): void {
    if (this.version === 0) return;
    const owed = this.matching && !this.deleted;
    if (!this.row) {
      if (owed) this.row = { ...first(this.version), due: this.now };
      return;
    }
    if (owed || this.row.told || isPending(this.row)) this.store(raise(this.row, this.version, 0, this.now));
  }

  begin(lease = 100): void {
    if (!this.row) return;
    const present = { version: this.version, deleted: this.deleted, matches: this.matching };
    const next = plan(this.row, present, this.now);
    if (next.type === 'rest') this.store(next.row);
    if (next.type !== 'send') return;
    // No request starts before the one before was answered, or its lease ran out.
    expect(this.open === undefined || this.open.until <= this.now).toBe(true);
    const token = String(this.tokens++);
    this.store(claim(this.row, next, token, this.now + lease));
    this.open = { token, kind: next.kind, version: next.version, until: this.now + lease };
    this.seen.push({ kind: next.kind, version: next.version });
  }

  /** The receiver takes the request, whether or not its answer comes back. */
  take(): void {
    if (!this.open) return;
    const { kind, version } = this.open;
    if (version < this.newestSeen) return;
    this.newestSeen = version;
    this.held = kind === 'upserted' ? version : undefined;
  }

  answer(type: 'delivered' | 'failed' | 'given up' | 'lost'): void {
    const { open, row } = this;
    this.open = undefined;
    if (!open || !row || type === 'lost') return;
    const ending =
      type === 'delivered'
        ? ({ type, last: last(open.kind, open.version) } as const)
        : ({
            type: 'failed',
            reason: 'no',
            last: last(open.kind, open.version),
            ...(type === 'failed' ? { retryAt: this.now + 50 } : {}),
          } as const);
    this.store(settle(row, open.token, ending, this.now));
  }

  store(row: DeliveryRow | undefined): void {
    if (!row) return;
    expect(balanced(row)).toBe(true);
    expect(row.settled).toBeGreaterThanOrEqual(row.deadLetter?.counted ? row.deadLetter.version : 0);
    this.row = row;
  }

  /** Everything is answered 200, until nothing is due. */
  settleAll(): void {
    this.feed();
    for (let round = 0; round < 20; round++) {
      this.now += 1_000;
      this.begin();
      this.take();
      this.answer('delivered');
    }
  }
}

type Step = (world: World) => void;
const steps: Record<string, Step> = {
  'a version that matches': (world) => world.change(true, false),
  'a version that does not': (world) => world.change(false, false),
  deletion: (world) => world.change(true, true),
  feed: (world) => world.feed(),
  begin: (world) => world.begin(),
  taken: (world) => world.take(),
  delivered: (world) => {
    world.take();
    world.answer('delivered');
  },
  failed: (world) => world.answer('failed'),
  'failed, though taken': (world) => {
    world.take();
    world.answer('failed');
  },
  'given up': (world) => world.answer('given up'),
  'answer lost': (world) => {
    world.take();
    world.answer('lost');
    world.now += 200;
  },
  time: (world) => (world.now += 60),
  retry: (world) => world.row && world.store(retry(world.row, world.now)),
  replay: (world) => world.row && world.store(replay(world.row, 'again', world.now)),
  'filter changes': (world) => {
    world.matching = !world.matching;
    if (world.row) world.store(recheck(world.row, 1, world.now));
  },
};

test('whatever happens, versions are counted once, and the receiver ends with what is true', () => {
  const names = Object.keys(steps);
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...names), { maxLength: 60 }), (run) => {
      const world = new World();
      for (const name of run) steps[name]?.(world);
      world.settleAll();
      const { row } = world;
      if (!row) return;
      expect(row.due).toBeUndefined();
      expect(row.attempt).toBeUndefined();
      expect(row.owed).toBe(row.settled);
      const should = world.matching && !world.deleted;
      // What was given up is not told; what the receiver must not have, it was told at least once more.
      if (row.deadLetter) return;
      if (!should) expect(world.held).toBeUndefined();
      else if (row.told) expect(world.held).toBe(world.version);
    }),
    { numRuns: 3_000 },
  );
});

test('without failures every version of a document that matches is delivered or superseded, in order', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('change', 'feed', 'deliver'), { maxLength: 40 }), (run) => {
      const world = new World();
      for (const step of run) {
        if (step === 'change') world.change(true, false);
        if (step === 'feed') world.feed();
        if (step === 'deliver') {
          world.begin();
          world.take();
          world.answer('delivered');
        }
      }
      world.settleAll();
      if (!world.row) return;
      expect(world.held).toBe(world.version);
      expect(world.row.delivered + world.row.superseded).toBe(world.version - world.row.base);
      expect(world.row.delivered).toBe(world.seen.length);
      const versions = world.seen.map(({ version }) => version);
      expect(versions).toEqual(versions.toSorted((a, b) => a - b));
      expect(new Set(versions).size).toBe(versions.length);
    }),
  );
});

describe('a raise', () => {
  test('keeps the pause of a row that waits after a failure', () => {
    const waiting = { ...first(1), failures: 3, due: NOW + 5_000 };
    expect(raise(waiting, 2, 0, NOW)).toEqual({ ...waiting, owed: 2 });
  });

  test('starts afresh after a dead letter', () => {
    const world = new World();
    world.change(true, false);
    world.feed();
    world.begin();
    world.answer('given up');
    expect(world.row).toMatchObject({ deadLettered: 1, deadLetter: { version: 1, counted: true } });
    expect(world.row?.due).toBeUndefined();
    world.change(true, false);
    world.feed();
    expect(world.row).toMatchObject({ failures: 0, due: NOW, owed: 2 });
  });

  test('remembers by which revision of the subscription it was owed', () => {
    expect(raise(first(1), 2, 5, NOW)).toMatchObject({ revision: 5 });
    expect(raise({ ...first(1), revision: 7 }, 2, 5, NOW)).toMatchObject({ revision: 7 });
  });

  test('of an older version is nothing', () => {
    expect(raise(first(3), 3, 0, NOW)).toBeUndefined();
    expect(raise(first(3), 2, 0, NOW)).toBeUndefined();
  });
});

test('only the token that a request was noted with can settle it', () => {
  const claimed = claim(first(1), { kind: 'upserted', version: 1 }, 'mine', NOW + 100);
  const ending = { type: 'delivered', last: last('upserted', 1) } as const;
  expect(settle(claimed, 'other', ending, NOW)).toBeUndefined();
  expect(release(claimed, 'other', NOW)).toBeUndefined();
  expect(settle(claimed, 'mine', ending, NOW)).toMatchObject({ delivered: 1, settled: 1, told: true });
});

test('a dead letter that is retried by hand counts as pending again, and once when it is delivered', () => {
  const world = new World();
  world.change(true, false);
  world.feed();
  world.begin();
  world.answer('given up');
  world.store(retry(world.row as DeliveryRow, world.now));
  expect(world.row).toMatchObject({ deadLettered: 0, settled: 0, owed: 1, due: world.now });
  world.settleAll();
  expect(world.row).toMatchObject({ delivered: 1, deadLettered: 0, settled: 1 });
  expect(world.row?.deadLetter).toBeUndefined();
});

test('a filter that changes while a request is under way is heard when it ends', () => {
  const claimed = claim(first(1), { kind: 'upserted', version: 1 }, 't', NOW + 100);
  const marked = recheck(claimed, 2, NOW);
  const settled = settle(marked, 't', { type: 'delivered', last: last('upserted', 1) }, NOW) as DeliveryRow;
  expect(settled).toMatchObject({ recheck: true, due: NOW });
  expect(plan(settled, { version: 1, deleted: false, matches: false }, NOW)).toEqual({
    type: 'send',
    kind: 'removed',
    version: 1,
  });
});

test('a removal that fails is told again, also by whoever finds its lease run out', () => {
  const told = { ...first(1), settled: 1, delivered: 1, told: true, recheck: true };
  const gone = { version: 1, deleted: false, matches: false };
  const claimed = claim(told, { kind: 'removed', version: 1 }, 't', NOW + 100);
  expect(plan(claimed, gone, NOW + 100)).toMatchObject({ type: 'send', kind: 'removed' });
  const failed = settle(
    claimed,
    't',
    { type: 'failed', last: last('removed', 1), retryAt: NOW + 10, reason: 'no' },
    NOW,
  ) as DeliveryRow;
  expect(plan(failed, gone, NOW + 10)).toMatchObject({ type: 'send', kind: 'removed' });
});

test('a document that the store does not show yet is waited for', () => {
  const row = { ...first(1), settled: 1, delivered: 1, owed: 2, told: true };
  expect(plan(row, { version: 1, deleted: false, matches: true }, NOW)).toEqual({ type: 'wait' });
});

test('a replay sends the present document once more and counts nothing', () => {
  const world = new World();
  world.change(true, false);
  world.settleAll();
  const before = world.row as DeliveryRow;
  world.store(replay(before, 'again', world.now));
  world.begin();
  expect(world.row?.attempt).toMatchObject({ replay: 'again', version: 1 });
  world.answer('delivered');
  const { last: _, ...after } = world.row as DeliveryRow;
  const { last: __, ...earlier } = before;
  expect(after).toEqual(earlier);
});
