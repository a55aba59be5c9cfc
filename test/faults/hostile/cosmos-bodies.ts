import type { Random } from '../../../tools/lib/random';

/** Any characters but those that end a line; of one byte each. */
export function junk(r: Random, length: number): string {
  const code = (): number => r.integer(33, 126);
  return String.fromCharCode(...Array.from({ length }, code));
}

/** Text of JSON that was cut off, or never was any. */
export function badJson(r: Random, good: object): Buffer | string {
  const text = JSON.stringify(good);
  return r.pick<() => Buffer | string>([
    () => text.slice(0, r.integer(1, text.length - 1)),
    () => `${text}${r.pick(['}', ']', ',', 'x', '{}'])}`,
    () => text.replace('"', "'"),
    () => text.replace(':', '='),
    () => Buffer.concat([Buffer.from(text.slice(0, -2)), Buffer.of(0xff, 0xfe), Buffer.from('"}')]),
    () => `<${junk(r, 20)}`,
    () => '['.repeat(r.integer(5_000, 20_000)),
    () => '{"id":'.repeat(r.integer(1_000, 9_000)),
  ])();
}

function nested(levels: number): unknown {
  let value: unknown = 'x'.repeat(300);
  for (let n = 0; n < levels; n++) value = n % 2 === 0 ? [value] : { value };
  return value;
}

export const badItem = (r: Random): unknown =>
  r.pick<unknown>([
    null,
    5,
    'text',
    [],
    {},
    { pk: 'p' },
    { id: 5, pk: 'p' },
    { id: '', pk: 'p' },
    { id: 'a/b', pk: 'p' },
    { id: 'a\\b', pk: 'p' },
    { id: 'é'.repeat(600), pk: 'p' },
    { id: 'new', pk: 'p', ttl: r.pick([0, -2, 1.5, null, 'x', 2 ** 31]) },
    { id: 'new', pk: 'another' },
    { id: 'new', pk: { nested: 1 } },
    { id: 'new', pk: ['p'] },
    { id: 'new', pk: 'p', nested: nested(r.integer(129, 1_000)) },
  ]);

export const badOperation = (r: Random): unknown =>
  r.pick<unknown>([
    null,
    5,
    { op: 'explode', path: '/n', value: 1 },
    { op: 'set', path: 'n', value: 1 },
    { op: 'set', path: 7, value: 1 },
    { op: 'set', path: '/id', value: 'other' },
    { op: 'set', path: '/_etag', value: 'other' },
    { op: 'incr', path: '/n', value: 'x' },
    { op: 'incr', path: '/text', value: 1 },
    { op: 'replace', path: '/missing/deep', value: 1 },
    { op: 'remove', path: '/missing' },
    { op: 'move', path: '/a', from: '/missing' },
    { op: 'move', path: '/a' },
    { op: 'add', path: `/list/${r.pick(['-1', '1e9', 'x', '9'])}`, value: 1 },
  ]);

export const badQuery = (r: Random): string =>
  r.pick([
    'SELECT',
    'SELECT * FROM c WHERE',
    'SELECT * FROM c WHERE c.n =',
    "SELECT * FROM c WHERE c.a = 'open",
    'SELECT * FROM c; DROP TABLE items_1',
    'SELECT * FROM c WHERE d.n = 1',
    'SELECT VALUE SUM(COUNT(1)) FROM c',
    'SELECT TOP x * FROM c',
    'SELECT * FROM c OFFSET 1',
    'SELECT * FROM c ORDER BY',
    'SELECT * FROM c GROUP c.a',
    'SELECT VALUE NOFUNCTION(1)',
    'SELECT VALUE udf.f(1)',
    `SELECT VALUE ${'('.repeat(r.integer(1, 9_000))}`,
    `SELECT VALUE ${'NOT '.repeat(r.integer(3_000, 9_000))}`,
    `SELECT VALUE ${'['.repeat(r.integer(1, 9_000))}`,
    `SELECT * FROM c WHERE ) ${junk(r, r.integer(1, 80))}`,
  ]);

export const badDefinition = (r: Random): unknown =>
  r.pick<unknown>([
    null,
    [],
    {},
    { id: 7 },
    { id: 'a/b' },
    { id: 'x'.repeat(256) },
    { id: 'n', partitionKey: 'pk' },
    { id: 'n', partitionKey: {} },
    { id: 'n', partitionKey: { paths: [] } },
    { id: 'n', partitionKey: { paths: ['pk'] } },
    { id: 'n', partitionKey: { paths: [7] } },
    { id: 'n', partitionKey: { paths: ['/pk/*'] } },
    { id: 'n', partitionKey: { paths: [`/"${'x/'.repeat(r.integer(1, 5_000))}`] } },
    { id: 'n', partitionKey: { paths: ['/a', '/b', '/c', '/d'], kind: 'MultiHash' } },
    { id: 'n', partitionKey: { paths: ['/pk'], kind: 'Range' } },
    { id: 'n', partitionKey: { paths: ['/pk'], version: 3 } },
    { id: 'n', partitionKey: { paths: ['/pk'] }, defaultTtl: 0 },
    { id: 'n', partitionKey: { paths: ['/pk'] }, indexingPolicy: { indexingMode: 'perhaps' } },
    { id: 'n', partitionKey: { paths: ['/pk'] }, indexingPolicy: { includedPaths: 'all' } },
    { id: 'n', partitionKey: { paths: ['/pk'] }, indexingPolicy: 'none' },
    { id: 'n', partitionKey: { paths: ['/pk'] }, uniqueKeyPolicy: { uniqueKeys: [{ paths: ['x'] }] } },
    { id: 'n', partitionKey: { paths: ['/pk'] }, uniqueKeyPolicy: { uniqueKeys: 'x' } },
    { id: 'n', partitionKey: { paths: ['/pk'] }, uniqueKeyPolicy: 5 },
    { id: 'n', partitionKey: { paths: ['/pk'] }, changeFeedPolicy: { retentionDuration: 'long' } },
    { id: 'n', partitionKey: { paths: ['/pk'] }, geospatialConfig: { type: 'Flat' } },
    { id: 'n', partitionKey: { paths: ['/pk'] }, conflictResolutionPolicy: 5 },
    { id: 'n', partitionKey: { paths: ['/pk'] }, fullTextPolicy: 'x' },
    { id: 'n', partitionKey: { paths: ['/pk'] }, clientEncryptionPolicy: 5 },
    { id: 'n', partitionKey: { paths: ['/pk'] }, analyticalStorageTtl: -1 },
  ]);

export const badKey = (r: Random): string =>
  r.pick(['[', '{}', '"p"', 'p', '["p","q"]', '[["p"]]', '[{"a":1}]', 'null', '[1e999', '']);

export const base64 = (text: string): string => `+${Buffer.from(text).toString('base64')}`;
