/** `npm run package`: the zip that is deployed, with the packages that the app needs when it runs. */
import { mkdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writePackage } from './lib/package/zip';
import { APP_DIR } from './lib/paths';

const USAGE = `Usage: npm run package -- [--out FILE]

Writes the zip that is deployed to Azure Functions, or started with "npm run local -- functions --app FOLDER" where it is
unpacked: dist, schemas, host.json, package.json and the production dependencies as they are installed. The same files
give the same zip.

  --out FILE   where it is written (default: build/headwater.zip)`;

function main(): void {
  const { values } = parseArgs({
    options: { out: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const file = resolve(values.out ?? join(APP_DIR, 'build', 'headwater.zip'));
  mkdirSync(dirname(file), { recursive: true });
  const { files, bytes } = writePackage(APP_DIR, file);
  console.log(`${relative(process.cwd(), file)}: ${files} files, ${(bytes / 2 ** 20).toFixed(1)} MiB`);
}

try {
  main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
