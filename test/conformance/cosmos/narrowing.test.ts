import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServiceContext } from '../../../local/cosmos/operations/context';
import { inTransaction } from '../../../local/cosmos/operations/transaction';
import { locate, prepareContent, type ItemOperation } from '../../../local/cosmos/operations/write';
import { keyText } from '../../../local/cosmos/partition-key';
import { compileQuery } from '../../../local/cosmos/query/compile';
import { runQuery, type QueryRequest } from '../../../local/cosmos/query/run';
import { Catalog, type ContainerRecord } from '../../../local/cosmos/store/catalog';
import { Throttle } from '../../../local/cosmos/throttle';
import { Database } from '../../../local/shared/database';
import { fc } from '../../support/properties';
import { item, query, type TestItem, type TestQuery } from './support/random-queries';

/** `COSMOS_QUERY_CASES=50000` tries more; `FC_SEED=<number>` tries others. */
const CASES = Number(process.env['COSMOS_QUERY_CASES'] ?? 400);
const CASES_PER_CONTAINER = 100;
const ITEMS = 150;
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
  do {
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
