import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claimMedia } from '../../src/activities/ingest/media';
import { loadSchemas, type Schemas } from '../../src/clients/schemas';
import type { Json } from '../../src/domain/json';
import { readings, schemaText } from './builders';

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

describe('media', () => {
  const dataset = readings({
    media: [
      { pointer: '/photo', contentType: 'image/jpeg' },
      { pointer: '/a~1b/scan', contentType: 'image/png' },
    ],
  });

  test('move to blobs that are named by their content, and leave references', async () => {
    const blobs = memory();
    const record = { id: 'a', photo: 'aGVsbG8=', 'a/b': { scan: 'aGVsbG8=', page: 1 } };
    const reference = {
      sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
      bytes: 5,
    };
    const path = `media/readings/${reference.sha256}`;
    expect(await claimMedia(blobs, dataset, record)).toEqual({
      record: {
        id: 'a',
        photo: { path, ...reference, contentType: 'image/jpeg' },
        'a/b': { scan: { path, ...reference, contentType: 'image/png' }, page: 1 },
      },
    });
    expect([...blobs.content]).toEqual([[path, Buffer.from('hello')]]);
    expect(record.photo).toBe('aGVsbG8=');
  });

  test('of any length that a body can have are read', async () => {
    const photo = 'A'.repeat(24 * 1024 * 1024);
    const claimed = await claimMedia(memory(), dataset, { photo });
    expect(claimed).toHaveProperty('record.photo.bytes', 18 * 1024 * 1024);
    expect(await claimMedia(memory(), dataset, { photo: `${photo.slice(1)}!` })).toHaveProperty('errors');
  });

  test.each([
    'a',
    'aGVsbG8',
    'aGVsbG8=\n',
    'a===',
    '=',
    'aGVs=bG8',
    'aGVs bG8=',
    'aGVs-_8=',
    1,
    {},
    ['aGVsbG8='],
  ])('%j is none', async (scan) => {
    const claimed = await claimMedia(memory(), dataset, { 'a/b': { scan } });
    expect(claimed).toEqual({
      errors: [{ pointer: '/a~1b/scan', keyword: 'media', message: 'must be base64' }],
    });
  });

  test('that are not there are not missed', async () => {
    const record = { id: 'a', photo: null, 'a/b': 1 };
    expect(await claimMedia(memory(), dataset, record)).toEqual({ record });
  });
});
