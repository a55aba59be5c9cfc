import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordReport } from '../../tools/lib/api';
import type { SchemaCheckResult, SchemaVersion } from '../../tools/lib/schema-check';
import { headwater, ROOT, THINGS_SCHEMA, type Headwater } from '../support/headwater';

const { path, size, note } = THINGS_SCHEMA.properties;

/** The data set `things` with other members of `x-headwater` and of its schema. */
function things(version: number, properties: object, more: object = {}): object {
  const block = { ...THINGS_SCHEMA['x-headwater'], version };
  return {
    ...THINGS_SCHEMA,
    'x-headwater': block,
    properties: { ...THINGS_SCHEMA.properties, ...properties },
    ...more,
  };
}

const ndjson = (...records: object[]): string => records.map((one) => `${JSON.stringify(one)}\n`).join('');

let hw: Headwater;
let first: string;
let second: string;
/** As a person writes it: with blanks and in another order, and with a character beyond ASCII. */
const SECOND_TEXT = `${JSON.stringify(
  things(4, { size: { type: ['integer', 'null'] }, colour: { enum: ['röd', 'blå'] } }),
  null,
  3,
)}\n\n`;

const versions = async (): Promise<SchemaVersion[]> =>
  (await hw.api.get<{ value: SchemaVersion[] }>('/api/datasets/things/schemas')).value;
const land = async (...records: object[]): Promise<string> => {
  const { batchId } = await hw.api.post('things', ndjson(...records));
  await hw.api.closed(batchId, { pollMs: 25 });
  return batchId;
};
const current = async (): Promise<string> =>
  (await hw.api.get<{ schemaVersion: string }>('/api/datasets/things')).schemaVersion;

beforeAll(async () => {
  const former = await headwater();
  hw = former;
  first = await current();
  await land({ path: 'a', size: 1 }, { path: 'b', size: 1 }, { path: 'c', gone: true });
  await land({ path: 'd/e', note: 'x' }, { path: 'f', size: null });
  await former.cloud.dispose();
  writeFileSync(join(former.folder, 'app', 'schemas', 'things.json'), SECOND_TEXT);
  hw = await headwater({ folder: former.folder });
  second = await current();
});
afterAll(() => hw?.dispose());

interface Ended {
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command, in a process of its own, with the key that it finds. */
function command(...given: string[]): Promise<Ended> {
  const script = join(ROOT, 'build', 'tools', 'schemas.js');
  const where = ['--to', hw.cloud.url, '--data', join(hw.folder, 'state')];
  return new Promise((resolve) =>
    execFile(
      process.execPath,
      [script, ...given, ...where],
      { cwd: ROOT, env: { PATH: process.env['PATH'] } },
      (error, stdout, stderr) => resolve({ code: error ? (error.code ?? null) : 0, stdout, stderr }),
    ),
  );
}

function schemaFile(schema: object | string): string {
  const file = join(hw.folder, 'changed.json');
  writeFileSync(file, typeof schema === 'string' ? schema : JSON.stringify(schema));
  return file;
}

test('the versions of a schema, and how many documents were made under each', async () => {
  expect(await versions()).toEqual([
    { schemaVersion: second, current: true, documents: 0, keptAt: null },
    { schemaVersion: first, current: false, documents: 4, keptAt: expect.stringMatching(/Z$/) },
  ]);
  const batchId = await land(
    { path: 'a', size: 2 },
    { path: 'b', size: 1 },
    { path: 'g', colour: 'röd' },
    { path: 'h', colour: 'grön' },
  );
  // "b" is unchanged: its version is still the one that was made under the former schema.
  expect(await versions()).toEqual([
    { schemaVersion: second, current: true, documents: 2, keptAt: expect.stringMatching(/Z$/) },
    { schemaVersion: first, current: false, documents: 3, keptAt: expect.any(String) },
  ]);
  const maker = async (key: string): Promise<unknown> =>
    (await hw.api.get<{ madeBy: { schemaVersion: string } }>(`/api/datasets/things/documents/${key}`)).madeBy
      .schemaVersion;
  expect([await maker('a'), await maker('b'), await maker('g'), await maker('d/e')]).toEqual([
    second,
    first,
    second,
    first,
  ]);
  const quarantined: RecordReport[] = [];
  for await (const one of hw.api.records(batchId, '?verdict=quarantined')) quarantined.push(one);
  expect(quarantined).toMatchObject([{ index: 3, schemaVersion: second, record: { path: 'h' } }]);
  const others = await hw.api.get<{ value: SchemaVersion[] }>('/api/datasets/products/schemas');
  expect(others.value).toEqual([
    { schemaVersion: expect.stringMatching(/^1\+/), current: true, documents: 0, keptAt: null },
  ]);
});

test('a version is answered byte for byte, deployed or kept', async () => {
  const text = async (version: string): Promise<string> => {
    const response = await hw.api.request(`/api/datasets/things/schemas/${version}`);
    expect(response.headers.get('content-type')).toContain('application/schema+json');
    return response.text();
  };
  expect(await text(encodeURIComponent(second))).toBe(SECOND_TEXT);
  expect(await text(encodeURIComponent(first))).toBe(JSON.stringify(THINGS_SCHEMA));
  expect(await text(first)).toBe(JSON.stringify(THINGS_SCHEMA));
});

test.each(['things/schemas/9%2B00000000', 'things/schemas/3%2B0', 'things/schemas/..%2F..%2Fmedia'])(
  'there is no %s',
  async (where) => {
    const response = await hw.api.request(`/api/datasets/${where}`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 'unknown-schema' });
  },
);

test('of a data set that there is not, and without a key, nothing is told', async () => {
  const unknown = await hw.api.request('/api/datasets/none/schemas');
  expect(await unknown.json()).toMatchObject({ status: 404, code: 'unknown-dataset' });
  const path = '/api/datasets/things/schemas';
  for (const route of [path, `${path}/${encodeURIComponent(first)}`])
    expect((await hw.api.request(route, { headers: { 'x-functions-key': 'no' } })).status).toBe(401);
});

describe('npm run schemas', () => {
  test('names what breaks whom, of every version in use, and ends with 1', async () => {
    const narrower = things(4, {
      path: { ...path, maxLength: 10 },
      note: { type: ['string', 'null'] },
      colour: { enum: ['röd', 'blå'] },
      weight: size,
    });
    const { code, stdout, stderr } = await command('check', 'things', '--file', schemaFile(narrower));
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const [head = '', deployed = '', former = ''] = stdout.split(/^against /m);
    expect(head).toContain('as the data set things, version 4+');
    expect(deployed).toMatch(new RegExp(`^${second.replace('+', '\\+')}: deployed, 2 documents`));
    expect(former).toMatch(new RegExp(`^${first.replace('+', '\\+')}: 3 documents`));
    // Deployed is a size that may be null; this one's may not, as in the former version.
    expect(deployed).toMatch(/Breaks producers\n(.*\n)*?\s+\/properties\/size\/type\n/);
    expect(former).not.toContain('/properties/size');
    for (const part of [deployed, former]) {
      expect(part).toMatch(/Breaks consumers\n\s+\/properties\/note\/type\n\s+string → string or null\n/);
      expect(part).toMatch(/Breaks nobody\n(.*\n)*?\s+\/properties\/weight\n/);
    }
    expect(deployed).toContain(`not higher than that of ${second}`);
    expect(former).not.toContain('not higher');
    expect(stdout).toContain('It breaks producers and consumers.');
  });

  test('ends with 0 when nothing breaks', async () => {
    const wider = things(5, {
      size: { type: ['integer', 'null'] },
      colour: { enum: ['röd', 'blå'] },
      weight: size,
    });
    const file = schemaFile(wider);
    const against = await command('check', 'things', '--file', file, '--against', second, '--json');
    expect(against).toMatchObject({ code: 0, stderr: '' });
    const result = JSON.parse(against.stdout) as SchemaCheckResult;
    expect(result).toMatchObject({
      dataset: 'things',
      breaks: 'nobody',
      against: [{ schemaVersion: second, current: true, documents: 2, versionRaised: true }],
      notCompared: [],
    });
    expect(result.against[0]?.changes.map(({ pointer }) => pointer).toSorted()).toEqual([
      '/properties/weight',
      '/x-headwater/version',
    ]);
    const deployed = await command('check', 'things', '--file', schemaFile(SECOND_TEXT), '--against', second);
    expect(deployed).toMatchObject({ code: 0, stdout: expect.stringContaining('It is this version.') });
  });

  test('ends with 2 when it cannot tell', async () => {
    const good = schemaFile(things(5, { note }));
    const cases: [string[], string][] = [
      [['check', 'things', '--file', good, '--against', '9+00000000'], `There are: ${second}, ${first}`],
      [['check', 'none', '--file', good], 'There is no data set'],
      [['check', 'things', '--file', join(hw.folder, 'none.json')], 'cannot be read'],
      [['check', 'things', '--file', good, '--key', 'no'], 'does not take the key'],
      [['check'], 'Say "check" and the data set'],
      [['check', 'things', '--fiel', good], '--fiel'],
    ];
    for (const [given, message] of cases) {
      const { code, stdout, stderr } = await command(...given);
      expect({ code, stdout, stderr }).toEqual({
        code: 2,
        stdout: '',
        stderr: expect.stringContaining(message),
      });
    }
  });

  test('lists data sets and versions', async () => {
    const { code, stdout } = await command('list');
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`things +${second.replace('+', '\\+')} +deployed +2 `));
    expect(stdout).toContain('not in use yet');
  });
});
