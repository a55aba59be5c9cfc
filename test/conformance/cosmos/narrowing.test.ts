import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServiceContext } from '../../../local/cosmos/operations/context';
import { inTransaction } from '../../../local/cosmos/operations/transaction';
import { prepareContent } from '../../../local/cosmos/operations/content';
import { locate, type ItemOperation } from '../../../local/cosmos/operations/write';
import { keyText } from '../../../local/cosmos/partition-key';
import { compileQuery } from '../../../local/cosmos/query/compile';
import { runQuery, type QueryRequest } from '../../../local/cosmos/query/run';
import { Catalog } from '../../../local/cosmos/store/catalog';
import type { ContainerRecord } from '../../../local/cosmos/store/resources';
import { Throttle } from '../../../local/cosmos/throttle';
import { Database } from '../../../local/shared/database';
import { fc } from '../../support/properties';
import { item, type TestItem } from './support/random-items';
import { query, type TestQuery } from './support/random-queries';

/** `COSMOS_QUERY_CASES=50000` tries more; `FC_SEED=<number>` tries others. */
const CASES = Number(process.env['COSMOS_QUERY_CASES'] ?? 300);
const CASES_PER_CONTAINER = 100;
const ITEMS = 150;
const MOST_PAGES = 2_000;
const SEED = Number(process.env['FC_SEED'] ?? 20_260_105);

const folder = mkdtempSync(join(tmpdir(), 'cosmos-narrowing-'));
const clock = (): number => 1_700_000_000_000;
let context: ServiceContext;

beforeAll(async () => {
  const store = new Database(join(folder, 'cosmos.sqlite'));
  store.db.exec('PRAGMA synchronous = OFF');
  const catalog = new Catalog(store);
  context = { store, catalog, clock, throttle: new Throttle(false, clock) };
  await catalog.createDatabase('db', undefined, clock());
});
afterAll(() => {
  context.store.close();
  rmSync(folder, { recursive: true });
});

let containers = 0;

async function newContainer(): Promise<ContainerRecord> {
  const id = `c${++containers}`;
  const partitionKey = { paths: ['/pk'], kind: 'Hash', version: 2 } as const;
  const created = await context.catalog.createContainer('db', { id, partitionKey }, undefined, clock());
  if (!created.ok) throw new Error(created.message);
  return created.value;
}

function upsertOf(container: ContainerRecord, document: TestItem): ItemOperation {
  const prepared = prepareContent(container, JSON.parse(JSON.stringify(document)), undefined);
  if (!prepared.ok) throw new Error(prepared.message);
  const { key, id, content } = prepared.value;
  const located = locate(container, key);
  if (!located.ok) throw new Error(located.message);
  return { type: 'Upsert', key, ...located.value, id, content };
}

async function upsert(container: ContainerRecord, documents: readonly TestItem[]): Promise<void> {
  const operations = documents.map((document) => upsertOf(container, document));
  const outcome = await inTransaction(context, container, operations, 'each');
  expect(outcome.ok && outcome.value.every(({ ok }) => ok)).toBe(true);
}

/** All results as texts, page after page. */
function answer(
  container: ContainerRecord,
  { text, parameters, partition }: Pick<TestQuery, 'text' | 'parameters' | 'partition'>,
  request: Pick<QueryRequest, 'maxItems' | 'access'>,
): string[] {
  const compiled = compileQuery(text);
  if (!compiled.ok) throw new Error(`${compiled.message} ${text}`);
  const slice =
    partition === undefined
      ? { sql: '', parameters: [], onePartition: false }
      : { sql: 'pk = ?', parameters: [keyText([partition])], onePartition: true };
  const texts: string[] = [];
  let continuation: string | undefined;
  let pages = 0;
  do {
    if (++pages > MOST_PAGES) throw new Error(`The pages have no end: ${text}`);
    const page = runQuery(container, {
      compiled: compiled.value,
      parameters,
      slice,
      continuation,
      clock,
      ...request,
    });
    if (!page.ok) throw new Error(`${page.message} ${text}`);
    texts.push(...page.value.texts);
    ({ continuation } = page.value);
  } while (continuation !== undefined);
  return texts;
}

/** Each is a way to go wrong that random queries seldom meet. */
const TRAPS: readonly string[] = [
  'SELECT * FROM c WHERE c._ts > 5',
  'SELECT c.id FROM c WHERE c._ts > 5 AND c._etag != 5 ORDER BY c._ts',
  'SELECT * FROM c WHERE c["n.x"] >= 0 AND c.n.x <= 5',
  'SELECT * FROM c WHERE c.n.x >= 0 AND c["n.x"] <= 5',
  'SELECT * FROM c WHERE c.flag IN (true, 1, "true") ORDER BY c.flag',
  'SELECT * FROM c WHERE c.flag IN (1, 0, 2) ORDER BY c.flag',
  'SELECT * FROM c WHERE c.flag <= true ORDER BY c.flag DESC',
  'SELECT * FROM c WHERE c.flag = null',
  'SELECT * FROM c WHERE c.flag IN (null, 1)',
  'SELECT * FROM c WHERE c.b >= 0 ORDER BY c.b',
  'SELECT * FROM c WHERE c.b >= 0 ORDER BY c.b DESC',
  'SELECT c.id FROM c WHERE c.b IN (3, 1, 2) ORDER BY c.b DESC OFFSET 3 LIMIT 40',
  'SELECT c.id, l FROM c JOIN l IN c.list WHERE c.b >= 1 ORDER BY c.b DESC',
  "SELECT * FROM c WHERE c._under >= '' ORDER BY c._under DESC",
  "SELECT * FROM c WHERE c._under IN ('open', 'closed') AND c.b >= 2 ORDER BY c.b",
  "SELECT * FROM c WHERE c.text >= '' ORDER BY c.text",
  "SELECT c.id FROM c WHERE c.text >= '' ORDER BY c.text DESC",
  "SELECT * FROM c WHERE STARTSWITH(c.text, 'a\u007f')",
  "SELECT * FROM c WHERE STARTSWITH(c.text, 'x')",
  "SELECT * FROM c WHERE STARTSWITH(c.text, '\\uffff')",
  'SELECT c.id FROM c WHERE c.big >= 0 ORDER BY c.big',
  'SELECT c.id FROM c WHERE c.big >= 1152921504606846976 AND c.big <= 1152921504606847232 ORDER BY c.big DESC',
  'SELECT c.id FROM c WHERE c.big = 1152921504606846976',
  "SELECT c.id FROM c WHERE c.id >= 't2' AND c.id < 't4' ORDER BY c.id DESC",
  'SELECT * FROM c WHERE c.b = -1 OR c.b = 2 AND c.b < 1e999',
  'SELECT * FROM c WHERE c.b < 1e999 ORDER BY c.b',
  'SELECT * FROM c WHERE c.b > @missing',
];

const TEXTS = [
  '',
  'a',
  'a\u007f',
  'a\u007fb',
  'b',
  'x',
  '\ud800',
  '\ud800\udc00',
  '\ud800\ue000',
  '\ue000',
  '\uffff',
];
const BIG = [1, 2 ** 53, 2 ** 60, 2 ** 60 + 256, 2 ** 60 + 512, 2 ** 63, 2 ** 64, 1e21, 1e300];

/** Items with many equal values, in every partition. */
const tied = Array.from({ length: 90 }, (_, n): TestItem => ({
  id: `t${(n * 37) % 90}`,
  pk: ['p', 'q', 'r'][n % 3] ?? 'p',
  flag: [true, false, 0, 1, 2, null, 'true', [1]][n % 8],
  b: n % 5,
  'n.x': n % 7,
  n: { x: n % 11 },
  _under: n % 4 === 0 ? 'open' : 'closed',
  text: n % 6 === 0 ? `${'x'.repeat(1_200)}${n % 4}` : TEXTS[n % TEXTS.length],
  big: BIG[n % BIG.length],
  list: [n, n + 1],
}));

const LIMITS = [
  { indexFrom: 0, few: 0, many: 0 },
  { indexFrom: 0, few: 1_000, many: 20_000 },
  { indexFrom: 0, few: 3, many: 20_000 },
  { indexFrom: 10_000, few: 1_000, many: 20_000 },
];

test.each(TRAPS)('with and without indexes: %s', async (text) => {
  const plain = await newContainer();
  await upsert(plain, tied);
  for (const access of LIMITS) {
    for (const [partition, maxItems] of [
      ['p', 2],
      ['q', 7],
      [undefined, 9],
      [undefined, 1_000],
    ] as const) {
      const asked = { text, parameters: new Map<string, unknown>(), partition };
      const expected = answer(plain, asked, { maxItems: 1_000, access: 'everyItem' });
      expect(answer(plain, asked, { maxItems, access })).toEqual(expected);
    }
  }
});

describe('an index over a path', () => {
  const path = ['due'];
  const few = (count: number, from = 0): TestItem[] =>
    Array.from({ length: count }, (_, n) => ({
      id: `i${from + n}`,
      pk: 'p',
      ...(n % 50 === 0 && { due: n }),
    }));
  const due = (container: ContainerRecord): string[] =>
    answer(
      container,
      { text: 'SELECT VALUE c.id FROM c WHERE c.due >= 0', parameters: new Map(), partition: 'p' },
      { maxItems: 100 },
    );

  test('is made when a query would read many items, kept over restarts, and follows what is written', async () => {
    const container = await newContainer();
    await upsert(container, few(400));
    expect(due(container)).toHaveLength(8);
    expect(container.items.paths.reading('pk', path)).toBeUndefined();
    await upsert(container, few(200, 400));
    expect(due(container)).toHaveLength(12);
    expect(container.items.paths.reading('pk', path)).toBeDefined();
    await upsert(container, [
      { id: 'i0', pk: 'p' },
      { id: 'i1', pk: 'p', due: 5 },
      { id: 'i2', pk: 'p', due: 5 },
    ]);
    expect(due(container)).toHaveLength(13);
    const again = new Catalog(context.store).container('db', container.id);
    expect(again.ok && again.value.items.paths.reading('pk', path)).toBeDefined();
    expect(again.ok && due(again.value)).toHaveLength(13);
  });

  test('is one of a few: queries beyond are answered without', async () => {
    const container = await newContainer();
    const numbered = Array.from({ length: 12 }, (_, n) => [`path${n}`, 1] as const);
    await upsert(container, [...few(600), { id: 'all', pk: 'p', ...Object.fromEntries(numbered) }]);
    for (const [name] of numbered) {
      const asked = { text: `SELECT * FROM c WHERE c.${name} = 1`, parameters: new Map(), partition: 'p' };
      expect(answer(container, asked, { maxItems: 100 })).toHaveLength(1);
    }
    const made = numbered.filter(([name]) => container.items.paths.reading('pk', [name]) !== undefined);
    expect(made).toHaveLength(8);
  });
});

const rounds = Array.from({ length: Math.ceil(CASES / CASES_PER_CONTAINER) }, (_, round) => SEED + round);

test('a query that SQLite narrows, sorts and stops early answers as one evaluated on every item', async () => {
  let matched = 0;
  for (const seed of rounds) {
    const container = await newContainer();
    await upsert(container, fc.sample(item, { numRuns: ITEMS, seed }));
    await fc.assert(
      fc.asyncProperty(query, item, async (asked, changed) => {
        const expected = answer(container, asked, { maxItems: 1_000, access: 'everyItem' });
        const found = answer(container, asked, { maxItems: asked.pageItems, access: asked.limits });
        expect(found).toEqual(expected);
        matched += expected.length;
        // Indexes follow what is written after they were made.
        await upsert(container, [changed]);
      }),
      { seed, numRuns: CASES_PER_CONTAINER },
    );
  }
  // Queries that find nothing would show nothing.
  expect(matched).toBeGreaterThan(CASES);
}, 3_600_000);
