import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { unzipSync } from 'fflate';
import { APP_DIR } from '../../tools/lib/paths';

const run = promisify(execFile);

let folder: string;
let app: string;
let names: string[];
let said: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'headwater-package-'));
  app = join(folder, 'elsewhere');
  said = makePackage('headwater.zip');
  names = unpack(join(folder, 'headwater.zip'), app);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** `npm run package`. @returns what it said */
function makePackage(name: string): string {
  const parameters = ['build/tools/package.js', '--out', join(folder, name)];
  return execFileSync(process.execPath, parameters, { cwd: APP_DIR, encoding: 'utf8' });
}

/** Unpacks as the platform does. @returns the names in the zip */
function unpack(file: string, to: string): string[] {
  const entries = Object.entries(unzipSync(readFileSync(file)));
  for (const [name, content] of entries) {
    const path = join(to, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  return entries.map(([name]) => name);
}

test('it holds what the app needs and nothing else', () => {
  expect(said).toContain(`: ${names.length} files, `);
  expect(names).toEqual(
    expect.arrayContaining(['package.json', 'host.json', 'dist/main.js', 'schemas/products.json']),
  );
  const roots = new Set(names.map((name) => name.split('/')[0]));
  expect(roots).toEqual(new Set(['package.json', 'host.json', 'dist', 'schemas', 'node_modules']));
  // Those of the tests and of the local cloud stay at home.
  for (const not of ['jest', 'typescript', 'node', 'find-my-way', 'fast-check'])
    expect(names.filter((name) => name.startsWith(`node_modules/${not}/`))).toEqual([]);
});

test('the same files give the same zip', () => {
  makePackage('again.zip');
  const [one, two] = ['headwater.zip', 'again.zip'].map((name) => readFileSync(join(folder, name)));
  expect(one!.equals(two!)).toBe(true);
});

test('the demo runs on it where it is unpacked', async () => {
  const { stdout } = await run(process.execPath, ['build/tools/demo.js', '--app', app], { cwd: APP_DIR });
  expect(stdout).toContain(`app: ${app}`);
  expect(stdout).toMatch(/(\d+) of \1 checks agree/);
}, 240_000);

test('the local host runs it like any app, with what it needs in the environment', async () => {
  const services = ['blob', 'eventhubs', 'cosmos', 'functions'];
  const child = spawn(
    process.execPath,
    [
      'build/tools/local.js',
      ...services.flatMap((name) => ['--port', `${name}=0`]),
      '--hub',
      'records:4',
      '--hub',
      'ingress:4:gaps',
      '--data',
      join(folder, 'state'),
      '--app',
      app,
    ],
    {
      cwd: APP_DIR,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {
        ...process.env,
        HEADWATER_SIGNING_KEY: 's'.repeat(32),
        HEADWATER_ENCRYPTION_KEY: 'e'.repeat(64),
      },
    },
  );
  const exit = once(child, 'exit');
  try {
    const ready = new Map<string, string>();
    for await (const line of createInterface(child.stdout)) {
      const [, service = '', endpoint = ''] = /^READY (\S+) (.+)$/.exec(line) ?? [];
      ready.set(service, endpoint);
      if (service === 'functions') break;
    }
    expect([...ready.keys()].toSorted()).toEqual(services.toSorted());
    const response = await fetch(`${ready.get('functions')}/api/health`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ accepting: true, lag: { events: 0 } });
  } finally {
    child.kill('SIGTERM');
  }
  expect(await exit).toEqual([0, null]);
}, 120_000);
