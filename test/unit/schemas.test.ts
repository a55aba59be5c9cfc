import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSchemas, type Schemas } from '../../src/clients/schemas';
import type { Json } from '../../src/domain/json';
import { schemaText } from './builders';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'headwater-schemas-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Blobs in memory, written once. */
function memory() {
  const content = new Map<string, Buffer>();
  return {
    content,
    create: (container: string, name: string, bytes: Buffer) => {
      const path = `${container}/${name}`;
      if (content.has(path)) return Promise.resolve('exists' as const);
      content.set(path, bytes);
      return Promise.resolve('created' as const);
    },
    read: (container: string, name: string) => Promise.resolve(content.get(`${container}/${name}`)),
  };
}

function load(schema: object, blobs = memory()): Schemas {
  writeFileSync(join(folder, 'readings.json'), schemaText({}, schema));
  return loadSchemas(folder, blobs);
}

async function errorsOf(schema: object, record: Json, bytes = JSON.stringify(record).length) {
  const schemas = load(schema);
  const { check } = await schemas.at('readings', schemas.all.get('readings')!.schemaVersion);
  return check(record, bytes).map(({ keyword, pointer }) => `${keyword} ${pointer}`);
}

describe('the check of a schema', () => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'integer' }, b: { type: 'string', format: 'date' } },
    additionalProperties: false,
  };

  test('finds all that is wrong with a record', async () => {
    expect(await errorsOf(schema, { a: 1, b: '2026-02-28' })).toEqual([]);
    expect(await errorsOf(schema, { a: 'x', b: '2026-02-30', c: 1 })).toEqual([
      'additionalProperties ',
      'type /a',
      'format /b',
    ]);
  });

  test('names an unknown member, but not at any length', async () => {
    const schemas = load(schema);
    const { check } = await schemas.at('readings', schemas.all.get('readings')!.schemaVersion);
    const [error] = check({ ['x'.repeat(100_000)]: 1 }, 0);
    expect(error?.message).toContain('"xxx');
    expect(error?.message.length).toBeLessThan(200);
  });

  test('of a long record finds the first fault: all of them could take minutes', async () => {
    const lists = { type: 'object', properties: { list: { type: 'array', maxItems: 9, uniqueItems: true } } };
    const list = Array.from({ length: 200_000 }, (_, number) => number);
    expect(await errorsOf(lists, { list })).toEqual(['maxItems /list']);
    expect(await errorsOf(lists, { list: [...list.slice(0, 10), 0] })).toEqual([
      'maxItems /list',
      'uniqueItems /list',
    ]);
  });
});

describe('schemas', () => {
  test('that do not compile are named', () => {
    expect(() => load({ type: 'objekt' })).toThrow('schemas/readings.json does not compile: ');
    expect(() => load({ minimumm: 1 })).toThrow('minimumm');
  });

  test('are kept, so that a batch is validated by the version that it was accepted under', async () => {
    const blobs = memory();
    const object = { type: 'object', properties: { a: true, b: true } };
    const before = load({ ...object, required: ['a'] }, blobs);
    const old = before.all.get('readings')!;
    await before.keep(old);
    await before.keep(old);
    const after = load({ ...object, required: ['b'] }, blobs);
    expect(after.all.get('readings')?.schemaVersion).not.toBe(old.schemaVersion);
    const { dataset, check } = await after.at('readings', old.schemaVersion);
    expect(dataset.schemaVersion).toBe(old.schemaVersion);
    expect(check({ a: 1 }, 7)).toEqual([]);
    expect(check({ b: 1 }, 7)).toHaveLength(1);
    await expect(after.at('readings', '9+00000000')).rejects.toThrow('neither deployed nor kept');
  });
});
