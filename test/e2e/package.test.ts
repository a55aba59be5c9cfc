import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { unzipSync } from 'fflate';
import { writePackage } from '../../tools/lib/package/zip';
import { APP_DIR } from '../../tools/lib/paths';

const run = promisify(execFile);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'headwater-package-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

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

test('the package holds what the app needs and nothing else, and the demo runs on it where it is unpacked', async () => {
  const file = join(folder, 'headwater.zip');
  const { files } = writePackage(APP_DIR, file);
  const app = join(folder, 'elsewhere');
  const names = unpack(file, app);
  expect(names).toHaveLength(files);
  expect(names).toEqual(
    expect.arrayContaining(['package.json', 'host.json', 'dist/main.js', 'schemas/products.json']),
  );
  const roots = new Set(names.map((name) => name.split('/')[0]));
  expect(roots).toEqual(new Set(['package.json', 'host.json', 'dist', 'schemas', 'node_modules']));
  // Those of the tests and of the local cloud stay at home.
  for (const not of ['jest', 'typescript', 'node', 'find-my-way', 'fast-check'])
    expect(names.filter((name) => name.startsWith(`node_modules/${not}/`))).toEqual([]);

  const { stdout } = await run(process.execPath, ['build/tools/demo.js', '--app', app], { cwd: APP_DIR });
  expect(stdout).toContain(`app: ${app}`);
  expect(stdout).toMatch(/(\d+) of \1 checks agree/);
}, 120_000);

test('the same files give the same zip', () => {
  const [one, two] = [join(folder, 'one.zip'), join(folder, 'two.zip')];
  writePackage(APP_DIR, one);
  writePackage(APP_DIR, two);
  expect(readFileSync(one).equals(readFileSync(two))).toBe(true);
});
