import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HttpRequest, InvocationContext } from '@azure/functions';
import type { Blobs } from '../../../src/clients/blobs';
import type { Documents } from '../../../src/clients/documents';
import { loadSchemas } from '../../../src/clients/schemas';
import { createGetSchema, createListSchemas } from '../../../src/triggers/ingest/schemas';
import { ApiError, type Api } from '../../../tools/lib/api';
import { localKey } from '../../../tools/lib/local-key';
import { checkSchema, exitCodeOf, readSchemaFile, type SchemaVersion } from '../../../tools/lib/schema-check';
import { reportText } from '../../../tools/lib/schema-report';
import { schemaText } from '../builders';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'headwater-check-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const object = { type: 'object', properties: { id: { type: 'string' } } };
const longer = { type: 'object', properties: { id: { type: 'string', minLength: 2 } } };

function file(text: string): string {
  const path = join(folder, 'readings.json');
  writeFileSync(path, text);
  return path;
}

/** An API with these versions; those without a text are not kept. */
function api(versions: readonly (Partial<SchemaVersion> & { schemaVersion: string; text?: string })[]): Api {
  const all = versions.map(({ schemaVersion, current = false, documents = 1 }) => ({
    schemaVersion,
    current,
    documents,
    keptAt: null,
  }));
  const some: Partial<Api> = {
    url: 'http://127.0.0.1:1',
    get: <T>() => Promise.resolve({ value: all } as T),
    request: (path) => {
      const wanted = decodeURIComponent(path.slice(path.lastIndexOf('/') + 1));
      const text = versions.find(({ schemaVersion }) => schemaVersion === wanted)?.text;
      return Promise.resolve(new Response(text ?? '{}', { status: text === undefined ? 404 : 200 }));
    },
  };
  return some as Api;
}

describe('a check', () => {
  test('is made against the deployed version and those that documents carry, and tells of each', async () => {
    const checked = readSchemaFile(file(schemaText({ version: 2 }, longer)));
    const result = await checkSchema(
      api([
        { schemaVersion: '2+00000002', current: true, documents: 0, text: schemaText({}, object) },
        { schemaVersion: '1+00000001', documents: 7, text: schemaText({ key: '/no' }, longer) },
        { schemaVersion: '1+00000000', documents: 0, text: '' },
      ]),
      'readings',
      checked,
    );
    expect(result.against).toMatchObject([
      { schemaVersion: '2+00000002', breaks: 'producers', versionRaised: false },
      { schemaVersion: '1+00000001', breaks: 'both', versionRaised: true, documents: 7 },
    ]);
    expect([result.breaks, exitCodeOf(result)]).toEqual(['both', 1]);
    const text = reportText(result, 'schemas/readings.json');
    expect(text).toContain('against 2+00000002: deployed, 0 documents');
    expect(text).toContain('x-headwater.version is not higher than that of 2+00000002');
    expect(text).not.toContain('not higher than that of 1+00000001');
  });

  test('cannot say that nothing breaks when a version is lost, but can say that something does', async () => {
    const lost = { schemaVersion: '1+0000000a' };
    const checked = readSchemaFile(file(schemaText({ version: 2 }, longer)));
    const same = { schemaVersion: checked.schemaVersion, current: true };
    const unknown = await checkSchema(api([same, lost]), 'readings', checked);
    expect(unknown).toMatchObject({ breaks: 'nobody', notCompared: [lost] });
    expect(exitCodeOf(unknown)).toBe(2);
    expect(reportText(unknown, 'f')).toContain('cannot be said');
    const former = { schemaVersion: '1+0000000b', text: schemaText({}, object) };
    expect(exitCodeOf(await checkSchema(api([lost, former]), 'readings', checked))).toBe(1);
  });

  test('is not made of a file that the app would not start with', () => {
    expect(() => readSchemaFile(file('{'))).toThrow('is not JSON');
    expect(() => readSchemaFile(file('[]'))).toThrow('x-headwater');
    expect(() => readSchemaFile(file('{"type":"object"}'))).toThrow('x-headwater');
    expect(() => readSchemaFile(file(schemaText({ version: 'two' })))).toThrow('x-headwater');
    expect(() => readSchemaFile(file(schemaText({}, { type: 'objekt' })))).toThrow('does not compile');
    expect(() => readSchemaFile(file(schemaText({}, { minimumm: 1 })))).toThrow('minimumm');
  });

  test('says what the API refused, and that nobody answers', async () => {
    const checked = readSchemaFile(file(schemaText({}, object)));
    const attempt = (error: Error) => {
      const get = jest.fn().mockRejectedValue(error);
      return checkSchema({ url: 'http://x', get } as Partial<Api> as Api, 'readings', checked);
    };
    await expect(attempt(new ApiError(401, ''))).rejects.toThrow('http://x does not take the key');
    await expect(attempt(new ApiError(404, 'no such data set'))).rejects.toThrow('no such data set');
    const refused = new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') });
    await expect(attempt(refused)).rejects.toThrow('http://x does not answer: Error: ECONNREFUSED');
  });
});

describe('the key of the local cloud', () => {
  const keys = { kind: 'headwater-local-cloud', version: 1, keys: { functions: { function: 'f' } } };

  test('is for this machine only', () => {
    writeFileSync(join(folder, 'keys.json'), JSON.stringify(keys));
    for (const url of ['http://127.0.0.1:7071', 'http://localhost:1/', 'http://[::1]:7071'])
      expect(localKey(url, folder)).toBe('f');
    for (const url of ['https://example.org', 'http://127.0.0.1.example.org', 'no address'])
      expect(localKey(url, folder)).toBeUndefined();
  });

  test('is none where there is no such file, or another one', () => {
    expect(localKey('http://127.0.0.1:7071', folder)).toBeUndefined();
    for (const text of ['', '{}', 'null', '{"keys":{"functions":{"function":1}}}']) {
      writeFileSync(join(folder, 'keys.json'), text);
      chmodSync(join(folder, 'keys.json'), 0o600);
      expect(localKey('http://127.0.0.1:7071', folder)).toBeUndefined();
    }
  });
});

describe('the versions that the API tells', () => {
  const request = (path: string): HttpRequest =>
    ({
      url: `http://x/api/datasets/${path}`,
      params: { dataset: 'readings' },
    }) as Partial<HttpRequest> as HttpRequest;
  const context = {} as InvocationContext;

  function deps(kept: Readonly<Record<string, string>>, made: readonly (readonly [string, number])[]) {
    file(schemaText({ version: 2 }, object));
    const blobs: Partial<Blobs> = {
      read: (_, name) => Promise.resolve(kept[name] === undefined ? undefined : Buffer.from(kept[name])),
      async *list(_, prefix) {
        for (const name of Object.keys(kept))
          if (name.startsWith(prefix))
            yield {
              name,
              bytes: 1,
              modifiedOn: new Date(`2026-03-0${name.length % 9}T00:00:00Z`),
              metadata: {},
            };
      },
    };
    const documents: Partial<Documents> = { countBySchema: () => Promise.resolve(new Map(made)) };
    const all = { blobs: blobs as Blobs, documents: documents as Documents };
    return { ...all, schemas: loadSchemas(folder, all.blobs) };
  }

  test('are the deployed one, those that were kept, and those that documents carry although they were lost', async () => {
    const all = deps({ 'readings/1+aaaaaaaa.json': '{}', 'reading/1+bbbbbbbb.json': '{}' }, [
      ['1+aaaaaaaa', 3],
      ['1+cccccccc', 1],
    ]);
    const { schemaVersion } = all.schemas.all.get('readings')!;
    const { body } = await createListSchemas(all)(request('readings/schemas'), context);
    expect((JSON.parse(body as string) as { value: unknown }).value).toEqual([
      { schemaVersion, current: true, documents: 0, keptAt: null },
      { schemaVersion: '1+aaaaaaaa', current: false, documents: 3, keptAt: expect.stringMatching(/^2026/) },
      { schemaVersion: '1+cccccccc', current: false, documents: 1, keptAt: null },
    ]);
  });

  test('are told byte for byte, and no other blob is', async () => {
    const all = deps({ 'readings/1+aaaaaaaa.json': '{ "kept": true }', 'readings/x.json': '{}' }, []);
    const get = createGetSchema(all);
    const { schemaVersion } = all.schemas.all.get('readings')!;
    const read = async (segment: string) =>
      ((await get(request(`readings/schemas/${segment}`), context)).body as Buffer).toString();
    expect(await read('1%2Baaaaaaaa')).toBe('{ "kept": true }');
    expect(await read(encodeURIComponent(schemaVersion))).toBe(schemaText({ version: 2 }, object));
    for (const segment of ['1%2Bbbbbbbbb', 'x', '%ff', '..%2Freadings%2F1%2Baaaaaaaa', ''])
      await expect(read(segment)).rejects.toMatchObject({ code: 'unknown-schema' });
  });
});
