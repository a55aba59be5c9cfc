import { knownRows } from '../../src/clients/storedRow';
import { owedSubscriptions, oweChanges } from '../../src/activities/egress/owe';
import { countLedger, type Ledger } from '../../src/activities/ledger/ledger';
import type { LedgerDeps } from '../../src/activities/ledger/deps';
import { claim, plan, settle } from '../../src/domain/egress/progress';
import { rowId, rowPartition, type DeliveryRow } from '../../src/domain/egress/row';
import type { Batch } from '../../src/domain/ingest/batch';
import type { StoredDocument } from '../../src/domain/egress/document';
import { matchesNow } from '../../src/domain/egress/interest';
import { bucketOf, partitionKey } from '../../src/domain/keys';
import { handledIn, hasHandled } from '../../src/domain/ledger/lease';
import {
  addRow,
  checkRow,
  deliveriesAddUp,
  noDeliveries,
  type CountedRow,
} from '../../src/domain/ledger/rows';
import { DeliveriesModel, SubscriptionsModel } from '../support/deliveries-model';
import { LedgerWorld } from '../support/ledger-world';
import { fc } from '../support/properties';
import { subscription } from '../support/subscriptions';

const NOW = 2_000_000_000_000;
const KEYS = ['a', 'b', 'c'];

const groups = KEYS.concat('new').map((key) => ({ bucket: bucketOf(key), records: 1_000 }));
const RUNNING = {
  id: 'b',
  dataset: 'things',
  status: 'running',
  accepted: 4_000,
  receivedAt: '2026-01-01T00:00:00.000Z',
  chunks: [{ records: 4_000, bytes: 0, groups }],
} as unknown as Batch;

/** Documents that change, the feed that brings the changes, and what one subscription is told, all step by step. */
class Deliveries {
  readonly rows = new DeliveriesModel({ request: () => Promise.resolve() });
  readonly subscriptions = new SubscriptionsModel();
  readonly documents = new Map<string, StoredDocument & { lsn: number }>();
  handled = 0;
  /** What happens before the ledger looks again. */
  pause = (): Promise<void> => this.moveOn();
  private lsn = 0;
  private brought = 0;
  private reads = 0;
  /** Asks for everything that is even in size. */
  readonly subscription = subscription({
    terms: [{ from: 100, datasets: ['things'], filter: { even: true } }],
    filter: { even: true },
  });

  constructor(private readonly pace: readonly number[]) {
    this.subscriptions.put(this.subscription);
  }

  write(key: string, even: boolean, deleted = false): void {
    const version = (this.documents.get(key)?._hw.version ?? 0) + 1;
    const pk = partitionKey('things', bucketOf(key));
    const _hw = { key, version, deleted, maker: { batchId: 'b', index: 0, schemaVersion: '1' } };
    const _ts = 200 + this.lsn * 30;
    this.documents.set(key, { id: key, pk, data: { even }, _ts, _hw, lsn: ++this.lsn } as never);
  }

  /** The feed brings what is new, and moves its lease later. */
  async bring(): Promise<void> {
    const now = (): Date => new Date(NOW);
    const fresh = [...this.documents.values()].filter(({ lsn }) => lsn > this.brought);
    const upTo = this.lsn;
    await oweChanges(
      { deliveries: this.rows, now },
      await owedSubscriptions({ subscriptions: this.subscriptions }),
      fresh,
      () => undefined,
    );
    this.brought = upTo;
  }

  /** A page that nobody handles. */
  skip(): void {
    this.brought = this.handled = this.lsn;
  }

  moveLease(): void {
    this.handled = this.brought;
  }

  async deliver(key: string, fails: boolean): Promise<void> {
    const [pk, id] = [rowPartition(this.subscription.id, key), rowId('things', key)];
    const document = this.documents.get(key);
    if (!document) return;
    const known = await this.rows.read([{ pk, id }]);
    await this.rows.change(knownRows([...known.values()]), (row) => {
      if (!row) return undefined;
      if (row.attempt) {
        const last = { at: '', kind: row.attempt.kind, version: row.attempt.version, durationMs: 1 };
        const ending = fails
          ? ({ type: 'failed', last, reason: '' } as const)
          : ({ type: 'delivered', last } as const);
        const next = settle(row, row.attempt.token, ending, NOW);
        return next && { row: next };
      }
      const matches = matchesNow(this.subscription, document);
      const { version, deleted } = document._hw;
      const next = plan(row, { version, deleted, matches }, NOW);
      if (next.type === 'send') return { row: claim(row, next, 'token', NOW + 1_000) };
      return next.type === 'rest' ? { row: next.row } : undefined;
    });
  }

  /** A request and its answer. */
  async tell(key: string): Promise<void> {
    await this.deliver(key, false);
    await this.deliver(key, false);
  }

  private async moveOn(): Promise<void> {
    const step = this.pace[this.reads++ % Math.max(1, this.pace.length)] ?? Infinity;
    const key = KEYS[step % KEYS.length] ?? '';
    if (step < 9) this.write(key, step < 6, step === 8);
    else if (step < 15) await this.bring();
    else if (step < 18) this.moveLease();
    else if (step < 30) await this.deliver(key, step < 21);
  }

  ledger(): Promise<Ledger> {
    return countLedger(this.deps);
  }

  private readonly versions: LedgerDeps['versions'] = {
    sums: async () => ({ documents: 0, versions: 0 }),
    lastWrites: async (pk, since, ids) => {
      await this.moveOn();
      const found = [...this.documents.values()].filter(
        (one) => one.pk === pk && ids.has(one.id) && one._ts >= since,
      );
      return { range: '0', lsns: new Map(found.map(({ id, lsn }) => [id, lsn])) };
    },
  };

  /** The side of the batches has a test of its own: here as many versions are on the way as there may be. */
  private readonly deps: LedgerDeps = {
    ...new LedgerWorld([], []).deps,
    batches: {
      read: async () => undefined,
      byId: async () => [{ batch: RUNNING, etag: '' }],
      recent: async () => [],
    },
    documents: {
      read: async () => ({ stored: new Map(), requestCharge: 0 }),
      page: async (pk) => {
        await this.moveOn();
        const documents = [...this.documents.values()].filter((one) => one.pk === pk);
        await this.moveOn();
        return { documents, continuation: undefined };
      },
    },
    versions: this.versions,
    rows: {
      page: async (pk) => {
        await this.moveOn();
        const rows = this.rows.all().filter((row) => row.pk === pk);
        return { rows: rows.map(counted), continuation: undefined };
      },
      progress: async (pk, ids) => {
        await this.moveOn();
        const found = this.rows.all().filter((row) => row.pk === pk && ids.includes(row.id));
        await this.moveOn();
        return new Map(found.map((row) => [row.id, row]));
      },
    },
    subscriptions: this.subscriptions,
    leases: {
      all: async () => {
        const leases = [{ range: '0', handled: this.handled }];
        await this.moveOn();
        return leases;
      },
    },
    now: () => new Date(NOW),
    pause: () => this.pause(),
  };
}

const counted = ({ attempt, ...row }: DeliveryRow): CountedRow => ({
  ...row,
  ...(attempt ? { until: attempt.until } : {}),
});

/** Only what concerns deliveries. */
const ofDeliveries = ({ faults, subscriptions }: Ledger) => ({
  faults: faults
    .filter((fault) => fault.subscription !== undefined)
    .map(({ code, key }) => `${code} ${String(key)}`)
    .toSorted(),
  balanced: subscriptions.map(({ balanced }) => balanced),
});

const pace = fc.array(fc.nat(60), { minLength: 50, maxLength: 400, size: 'max' });

describe('what subscriptions are owed', () => {
  test('is never found missing while the feed and the drains do their work', async () => {
    await fc.assert(
      fc.asyncProperty(pace, async (pace) => {
        const world = new Deliveries(pace);
        // Nor does anything have to be looked at twice.
        world.pause = () => Promise.reject(new Error('Something seems wrong.'));
        for (let count = 0; count < 4; count++)
          expect(ofDeliveries(await world.ledger())).toEqual({ faults: [], balanced: [true] });
      }),
      { numRuns: 150 },
    );
  });

  test('is named when the feed has passed it, and when a row is gone; in flight it is not', async () => {
    const world = new Deliveries([]);
    for (const key of KEYS) world.write(key, true);
    await world.bring();
    expect(ofDeliveries(await world.ledger()).faults).toEqual([]);
    world.moveLease();
    for (const key of ['a', 'b']) await world.tell(key);
    world.rows.rows.delete(`${rowPartition(world.subscription.id, 'a')}/${rowId('things', 'a')}`);
    world.write('b', false);
    world.write('c', false);
    world.write('new', true);
    expect(ofDeliveries(await world.ledger()).faults).toEqual(['missing-row a']);
    world.skip();
    // `b` and `c` match no longer: the receiver has been told of the first, and may be told of the second at any moment.
    const expected = ['missing-row a', 'missing-row new', 'row-behind b', 'row-behind c'];
    expect(ofDeliveries(await world.ledger())).toEqual({ faults: expected, balanced: [false] });
    world.subscriptions.put({ ...world.subscription, status: 'deleted' });
    expect(ofDeliveries(await world.ledger())).toEqual({ faults: [], balanced: [] });
  });

  test('is not named when it has been repaired since it was found', async () => {
    const world = new Deliveries([]);
    world.write('a', true);
    world.handled = 1;
    let paused = 0;
    world.pause = () => {
      paused++;
      return world.bring();
    };
    expect(ofDeliveries(await world.ledger()).faults).toEqual([]);
    expect(paused).toBe(1);
  });

  test('is nothing when a version does not match and the receiver knows nothing that it takes back', async () => {
    const world = new Deliveries([]);
    for (const even of [true, false]) {
      world.write('a', even);
      await world.bring();
      await world.tell('a');
    }
    world.write('a', false);
    world.skip();
    expect(ofDeliveries(await world.ledger())).toEqual({ faults: [], balanced: [true] });
  });

  test('is not looked for in the changes of the first minute of a term', async () => {
    const world = new Deliveries([]);
    const from = NOW / 1000 - 50;
    world.subscriptions.put({ ...world.subscription, terms: [{ from, datasets: ['things'] }] });
    world.write('a', true);
    const document = world.documents.get('a');
    if (document) world.documents.set('a', { ...document, _ts: from + 1 });
    world.skip();
    expect(ofDeliveries(await world.ledger()).faults).toEqual([]);
  });
});

const row = (members: Partial<CountedRow> = {}): CountedRow => ({
  subscription: 's',
  dataset: 'd',
  key: 'k',
  base: 2,
  owed: 6,
  settled: 6,
  delivered: 1,
  superseded: 1,
  deadLettered: 1,
  notOwed: 1,
  ...members,
});

describe('a row', () => {
  test.each<[string, Partial<CountedRow>, string | undefined]>([
    ['is settled', {}, undefined],
    ['is pending and due', { owed: 7, due: 1 }, undefined],
    ['counts one delivery too many', { delivered: 2 }, 'row-unbalanced'],
    ['is settled beyond what is owed', { owed: 5 }, 'row-unbalanced'],
    ['counts below zero', { delivered: -1, superseded: 3 }, 'row-unbalanced'],
    ['lacks a counter', { notOwed: undefined }, 'row-unbalanced'],
    ['is pending and due at no time', { owed: 7 }, 'row-forgotten'],
  ])('that %s', (_name, members, code) => {
    expect(checkRow(row(members))?.code).toBe(code);
  });

  test.each<[Partial<CountedRow>, string | undefined]>([
    [{ due: NOW }, 'due'],
    [{ due: NOW + 1 }, 'waiting'],
    [{ due: NOW + 1, until: NOW + 1 }, 'trying'],
    // Its lease has run out: it is tried again.
    [{ due: NOW, until: NOW }, 'due'],
    [{}, undefined],
  ])('with %j has its pending versions in the state %s', (members, state) => {
    const counts = addRow(noDeliveries(), row({ owed: 8, ...members }), NOW);
    const none = { due: 0, trying: 0, waiting: 0 };
    expect(counts).toMatchObject({ versions: 6, pending: state ? { ...none, [state]: 2 } : none });
    expect(deliveriesAddUp(counts)).toBe(state !== undefined);
  });
});

describe('a lease', () => {
  test.each<[unknown, number]>([
    ['"123"', 123],
    ['123', 123],
    ['{"V":2,"Rid":"x","Continuation":[{"token":"\\"7\\"","range":{"min":"","max":"FF"}}]}', 7],
    ['{"Continuation":[{"token":"\\"7\\""},{"token":"\\"5\\""}]}', 5],
    ['{"Continuation":[]}', 0],
    ['{"Continuation":[null]}', 0],
    ['anything', 0],
    ['null', 0],
    [null, 0],
    [undefined, 0],
    [5, 0],
  ])('with the token %j has handled everything up to %d', (token, handled) => {
    expect(handledIn(token)).toBe(handled);
  });

  test('of the own range counts, else the lowest', () => {
    const leases = [
      { range: '0', handled: 5 },
      { range: '1', handled: 9 },
    ];
    expect(hasHandled(leases, '1', 9)).toBe(true);
    expect(hasHandled(leases, '0', 6)).toBe(false);
    expect(hasHandled(leases, '0', 5)).toBe(true);
    expect(hasHandled(leases, undefined, 5)).toBe(true);
    expect(hasHandled(leases, '2', 6)).toBe(false);
    expect(hasHandled([], '0', 1)).toBe(false);
  });
});
