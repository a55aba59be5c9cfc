import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { manifestOf, productRules, sampleFiles } from './lib/samples';

/** Writes the sample files and their manifest below `<root>/data`; the same bytes each time. */
export function generateSamples(root: string): void {
  const files = sampleFiles();
  for (const { path, text } of files) write(join(root, 'data', path), text);
  const manifest = manifestOf(files, productRules(root));
  write(join(root, 'data', 'manifest.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

if (require.main === module) generateSamples(resolve(__dirname, '..', '..'));
