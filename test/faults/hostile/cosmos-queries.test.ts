import type { Container } from '@azure/cosmos';
import { newContainer, startEndpoint, type Endpoint } from '../../conformance/cosmos/harness';

let endpoint: Endpoint;
let container: Container;
beforeAll(async () => {
  endpoint = await startEndpoint();
  container = await newContainer(endpoint.database);
  const numbers = Array.from({ length: 50_000 }, (_, number) => number);
  await container.items.create({ id: '1', pk: 'p', text: 'a'.repeat(1_000_000) });
  await container.items.create({ id: '1', pk: 'numbers', numbers });
});
afterAll(() => endpoint.dispose());

async function answer(query: string, partitionKey = 'p'): Promise<unknown> {
  try {
    return (await container.items.query(query, { partitionKey }).fetchAll()).resources;
  } catch (error) {
    return (error as { code?: number }).code;
  }
}

const LEVELS = 40;
const levels = (join: (level: number) => string): string =>
  Array.from({ length: LEVELS }, (_, level) => join(level)).join('');

/** Each level is made of two of the one below: 2^40 of the innermost. */
const doubled = (first: string, double: (x: string) => string, select: (x: string) => string): string =>
  `SELECT ${select(`x${LEVELS}`)} FROM c JOIN x0 IN (SELECT VALUE [${first}])` +
  levels((level) => ` JOIN x${level + 1} IN (SELECT VALUE [${double(`x${level}`)}])`);

test.each([
  ['rows', `SELECT VALUE COUNT(1) FROM c${levels((at) => ` JOIN r${at} IN (SELECT VALUE [1,2])`)}`],
  [
    'lists in lists',
    doubled(
      '1',
      (x) => `[${x}, ${x}]`,
      (x) => `VALUE ${x}`,
    ),
  ],
  [
    'lists as text',
    doubled(
      '1',
      (x) => `[${x}, ${x}]`,
      (x) => `VALUE TOSTRING(${x})`,
    ),
  ],
  [
    'different objects',
    doubled(
      '1',
      (x) => `{"a": ${x}, "b": ${x}}`,
      (x) => `DISTINCT VALUE ${x}`,
    ),
  ],
  [
    'joined lists',
    doubled(
      '[1]',
      (x) => `ARRAY_CONCAT(${x}, ${x})`,
      (x) => `VALUE ARRAY_LENGTH(${x})`,
    ),
  ],
  [
    'lists of lists',
    doubled(
      '[1]',
      (x) => `ARRAY_CONCAT([${x}], [${x}])`,
      (x) => `VALUE ${x}`,
    ),
  ],
  ['copies of an item', `SELECT DISTINCT VALUE [${Array(2_000).fill('c').join()}] FROM c`],
])('a query for too much is refused, and the next one is answered: %s', async (_, query) => {
  expect(await answer(query)).toBe(400);
  expect(await answer('SELECT VALUE c.id FROM c')).toEqual(['1']);
});

test.each([
  [
    'doubled',
    doubled(
      "'aaaaaaaa'",
      (x) => `CONCAT(${x}, ${x})`,
      (x) => `VALUE IS_DEFINED(${x})`,
    ),
    [],
  ],
  [
    'by the operator',
    doubled(
      "'aaaaaaaa'",
      (x) => `${x} || ${x}`,
      (x) => `VALUE IS_DEFINED(${x})`,
    ),
    [],
  ],
  ['of many parts', `SELECT VALUE IS_DEFINED(CONCAT(${Array(2_000).fill('c.text').join()})) FROM c`, [false]],
  ['replaced', `SELECT VALUE IS_DEFINED(REPLACE(c.text, 'a', REPLICATE('b', 9999))) FROM c`, [false]],
])('a string that is longer than any item is undefined: %s', async (_, query, expected) => {
  expect(await answer(query)).toEqual(expected);
});

test.each([
  ['ARRAY_LENGTH(SETUNION(c.numbers, c.numbers))', 50_000],
  ['SETEQUAL(c.numbers, SETINTERSECT(c.numbers, c.numbers))', true],
  ['SETDIFFERENCE(c.numbers, c.numbers)', []],
])('sets of many values take the time of their length: %s', async (expression, expected) => {
  expect(await answer(`SELECT VALUE ${expression} FROM c`, 'numbers')).toEqual([expected]);
});
