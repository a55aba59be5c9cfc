import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareContent } from '../../../local/cosmos/operations/content';
import type { ServiceContext } from '../../../local/cosmos/operations/context';
import { inTransaction } from '../../../local/cosmos/operations/transaction';
import { locate } from '../../../local/cosmos/operations/write';
import { DATE_FUNCTIONS } from '../../../local/cosmos/query/date-functions';
import { SPATIAL_FUNCTIONS } from '../../../local/cosmos/query/spatial-functions';
import { Catalog } from '../../../local/cosmos/store/catalog';
import type { ContainerRecord } from '../../../local/cosmos/store/resources';
import { purgeSlice } from '../../../local/cosmos/store/purge';
import { Throttle } from '../../../local/cosmos/throttle';
import { Database } from '../../../local/shared/database';
import { fc } from '../../support/properties';

const folder = mkdtempSync(join(tmpdir(), 'cosmos-store-'));
let now = 0;
let context: ServiceContext;
beforeAll(async () => {
  const store = new Database(join(folder, 'cosmos.sqlite'));
  store.db.exec('PRAGMA synchronous = OFF');
  const catalog = new Catalog(store);
  const clock = (): number => now;
  context = { store, catalog, clock, throttle: new Throttle(false, clock) };
  await catalog.createDatabase('db', undefined, 0);
});
afterAll(() => {
  context.store.close();
  rmSync(folder, { recursive: true });
});

const TYPES = ['Create', 'Upsert', 'Replace', 'Delete'] as const;
interface Step {
  readonly type: (typeof TYPES)[number];
  readonly id: string;
  readonly u: number;
  readonly ttl: number | undefined;
  /** Seconds that pass before it. */
  readonly wait: number;
  readonly purge: boolean;
}

const step = fc.record<Step>({
  type: fc.constantFrom(...TYPES),
  id: fc.constantFrom('a', 'b', 'c'),
  u: fc.constantFrom(1, 2, 3),
  ttl: fc.constantFrom(undefined, 5, 20),
  wait: fc.constantFrom(0, 1, 10),
  purge: fc.boolean(),
});

interface Live {
  readonly u: number;
  readonly until: number;
}

/** What the rules of the service say of a step; changes `live`. */
function expected(live: Map<string, Live>, { type, id, u, ttl }: Step): number {
  for (const [name, { until }] of live) if (until <= now) live.delete(name);
  const exists = live.has(id);
  if (type === 'Create' && exists) return 409;
  if ((type === 'Replace' || type === 'Delete') && !exists) return 404;
  if (type === 'Delete') {
    live.delete(id);
    return 204;
  }
  if ([...live].some(([name, other]) => name !== id && other.u === u)) return 409;
  live.set(id, { u, until: ttl === undefined ? Infinity : now + ttl * 1_000 });
  return exists ? 200 : 201;
}

async function apply(container: ContainerRecord, { type, id, u, ttl }: Step): Promise<number> {
  const prepared = prepareContent(
    container,
    { id, pk: 'p', u, ...(ttl !== undefined && { ttl }) },
    undefined,
  );
  if (!prepared.ok) return prepared.status;
  const located = locate(container, prepared.value.key);
  if (!located.ok) return located.status;
  const operation = { type, ...prepared.value, ...located.value };
  const outcome = await inTransaction(context, container, [operation], 'each');
  const result = outcome.ok ? outcome.value[0] : outcome;
  return result?.ok ? result.value.status : (result?.status ?? 0);
}

/** What somebody has who followed the log from its beginning. */
function replay(container: ContainerRecord): Map<string, number> {
  const log = context.catalog.logs.of(container.num);
  const state = new Map<string, number>();
  const lsns = new Map<string, number>();
  const where = { text: '1', parameters: [] };
  for (const { id, lsn, type, previous, body } of log.read({ from: log.name, where, order: 'lsn' })) {
    expect([type === 'create', previous]).toEqual([!state.has(id), lsns.get(id) ?? null]);
    if (body) {
      state.set(id, (JSON.parse(Buffer.from(body).toString()) as { u: number }).u);
      lsns.set(id, lsn);
    } else {
      state.delete(id);
      lsns.delete(id);
    }
  }
  return state;
}

let containers = 0;

test('unique keys hold whatever is written and expires, and the log of versions tells all of it', async () => {
  const definition = {
    partitionKey: { paths: ['/pk'], kind: 'Hash', version: 2 },
    defaultTtl: -1,
    uniqueKeyPolicy: { uniqueKeys: [{ paths: ['/u'] }] },
    changeFeedPolicy: { retentionDuration: 100_000 },
  } as const;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      const { catalog, store } = context;
      const id = `c${++containers}`;
      const created = await catalog.createContainer('db', { id, ...definition }, undefined, now);
      if (!created.ok) throw new Error(created.message);
      const container = created.value;
      const live = new Map<string, Live>();
      for (const each of steps) {
        now += each.wait * 1_000;
        if (each.purge) await store.write((db) => purgeSlice(catalog, db, container, now));
        expect(await apply(container, each)).toBe(expected(live, each));
      }
      now += 1_000;
      await store.write((db) => purgeSlice(catalog, db, container, now));
      const left = [...live]
        .filter(([, { until }]) => until > now)
        .map(([name, { u }]) => [name, u] as const);
      expect(replay(container)).toEqual(new Map(left));
    }),
    { numRuns: 60 },
  );
});

const call = (name: string, ...args: unknown[]): unknown => DATE_FUNCTIONS[name]?.(args, () => 0);
const ticks = fc.bigInt({ min: -600_000_000_000_000_000n, max: 2_000_000_000_000_000_000n });
const dates = ticks.map((value) => call('TICKSTODATETIME', Number(value)) as string);
const parts = fc.constantFrom('dd', 'hh', 'mi', 'ss', 'ms');

test('what was added to a date is its difference, and a bin holds its date', () => {
  fc.assert(
    fc.property(dates, parts, fc.integer({ min: -5_000, max: 5_000 }), (date, part, count) => {
      const later = call('DATETIMEADD', part, count, date);
      expect(call('DATETIMEDIFF', part, date, later)).toBe(count);
      expect(call('DATETIMEADD', part, -count, later)).toBe(date);
    }),
  );
  fc.assert(
    fc.property(
      dates.filter((date) => date > '1601-01-02'),
      fc.constantFrom('yyyy', 'mm', 'dd', 'hh', 'mi', 'ss'),
      fc.integer({ min: 1, max: 40 }),
      (date, part, size) => {
        const bin = String(call('DATETIMEBIN', date, part, size));
        expect(bin <= date).toBe(true);
        expect(String(call('DATETIMEADD', part, size, bin)) > date).toBe(true);
        expect(call('DATETIMEBIN', bin, part, size)).toBe(bin);
      },
    ),
  );
});

test('distances are symmetric, and none is longer than half the way round the earth', () => {
  const point = fc
    .tuple(fc.double({ min: -180, max: 180, noNaN: true }), fc.double({ min: -90, max: 90, noNaN: true }))
    .map((coordinates) => ({ type: 'Point', coordinates }));
  const distance = (a: unknown, b: unknown) => Number(SPATIAL_FUNCTIONS['ST_DISTANCE']?.([a, b], () => 0));
  fc.assert(
    fc.property(point, point, (a, b) => {
      expect(distance(a, b)).toBeGreaterThanOrEqual(0);
      expect(distance(a, b)).toBeLessThan(20_040_000);
      expect(Math.abs(distance(a, b) - distance(b, a))).toBeLessThan(0.001);
    }),
  );
});
