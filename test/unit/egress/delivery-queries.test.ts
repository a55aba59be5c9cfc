import { createDeliveries, type Deliveries } from '../../../src/clients/deliveries';
import { rowName } from '../../../src/clients/storedRow';
import {
  attemptId,
  newRow,
  restingRow,
  rowId,
  rowPartition,
  type AttemptRecord,
  type DeliveryRow,
  type LastAttempt,
} from '../../../src/domain/egress/row';
import { DELIVERY_STATUSES, isSelected, STATUS_CHOICES, statusOf } from '../../../src/domain/egress/status';
import { documentId } from '../../../src/domain/keys';
import { newContainer, startEndpoint, type Endpoint } from '../../conformance/cosmos/harness';

const NOW = Date.parse('2026-03-01T12:00:00.000Z');
const PK = 's:0';
const at = (ms: number): string => new Date(NOW + ms).toISOString();
const last = (ms: number): LastAttempt => ({ at: at(ms), kind: 'upserted', version: 1, durationMs: 1 });

function row(dataset: string, key: string, members: Partial<DeliveryRow>): DeliveryRow {
  const id = documentId(key);
  const resting = restingRow('s', { id, pk: `${dataset}:1`, dataset, key, version: 1 }, 0);
  return { ...resting, pk: PK, ...members };
}

const attempt = { token: 't', kind: 'upserted', version: 1, until: NOW + 5 } as const;
const deadLetter = { version: 1, kind: 'upserted', at: at(-10), reason: 'no', counted: true } as const;

/** One of each kind, in data sets whose names begin alike, with keys that sort before and after what ends a range. */
const ROWS: readonly DeliveryRow[] = ['a', 'a-b', 'ab'].flatMap((dataset) => [
  row(dataset, '~~~', {}),
  row(dataset, '-', { due: NOW }),
  row(dataset, 'due/ü', { due: NOW - 1, attempt, last: last(-20) }),
  row(dataset, 'trying', { due: NOW + 5, attempt, last: last(-10) }),
  row(dataset, 'waiting', { due: NOW + 1, last: last(-1), deadLetter }),
  row(dataset, 'lettered', { deadLetter, last: last(-10) }),
  row(dataset, 'z'.repeat(1023), { last: last(0) }),
]);

function record(of: DeliveryRow, ms: number, token: string): AttemptRecord {
  const { id: name, pk, subscription, key } = of;
  const id = attemptId(name, at(ms), token);
  return { ...last(ms), id, pk, type: 'attempt', subscription, row: name, key, ttl: 1_000 };
}

let endpoint: Endpoint;
let deliveries: Deliveries;
beforeAll(async () => {
  endpoint = await startEndpoint();
  const container = await newContainer(endpoint.database, { defaultTtl: -1 });
  deliveries = createDeliveries(() => Promise.resolve(container));
  for (const ms of [0, -100, 5]) {
    const known = await deliveries.read(ROWS);
    const all = ROWS.map((next) => ({ pk: next.pk, id: next.id, next, stored: known.get(rowName(next)) }));
    await deliveries.change(all, (_row, { next }) => ({
      row: next,
      attempt: record(next, ms, `t${ms}`),
    }));
  }
});
afterAll(() => endpoint?.dispose());

test('there is a row of each status', () => {
  expect(new Set(ROWS.map((one) => statusOf(one, NOW)))).toEqual(new Set(DELIVERY_STATUSES));
});

describe('the store selects what the rule does', () => {
  const sorted = ROWS.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const selections = [undefined, ...STATUS_CHOICES].flatMap((status) =>
    [undefined, 'a', 'a-b', 'ab', 'b'].flatMap((dataset) =>
      [undefined, at(-10), at(1)].map((since) => ({ status, dataset, since })),
    ),
  );

  test.each(selections)('%o', async (selection) => {
    const expected = sorted.filter((one) => isSelected(one, selection, NOW));
    const found = await deliveries.list(PK, selection, NOW, undefined, 100);
    expect(found.map(({ row }) => row)).toEqual(expected);
    const [first, second] = expected;
    if (!first) return;
    const next = await deliveries.list(PK, selection, NOW, first.id, 1);
    expect(next.map(({ row }) => row.id)).toEqual(second ? [second.id] : []);
  });
});

test('attempts about one row come newest first, and those of no other', async () => {
  for (const one of [ROWS[0], ROWS[6]] as DeliveryRow[]) {
    const all = await deliveries.attemptsOf(PK, one.id, 10);
    expect(all).toEqual([record(one, 5, 't5'), record(one, 0, 't0'), record(one, -100, 't-100')]);
    expect(await deliveries.attemptsOf(PK, one.id, 2)).toEqual(all.slice(0, 2));
  }
  expect(await deliveries.attemptsOf(PK, rowId('a', 'none'), 10)).toEqual([]);
});

test('a row that owes nothing is like a new one whose version is settled', () => {
  const document = { id: 'x', pk: 'a:1', dataset: 'a', key: 'x', version: 7 };
  const resting = restingRow('s', document, 3);
  expect(resting).toMatchObject({ base: 7, owed: 7, settled: 7, told: false, pk: rowPartition('s', 'x') });
  expect(resting).not.toHaveProperty('due');
  expect({ ...resting, base: 6, settled: 6, due: 9 }).toEqual(newRow('s', document, 3, 9));
});
