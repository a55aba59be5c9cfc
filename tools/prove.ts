/** `npm run prove`: shows on a cloud of its own that no record is lost, whatever is killed. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { APP_DIR, requireNode24 } from './lib/app';
import { secondLine } from './lib/load/view';
import { PROVE_USAGE, readProveArguments } from './lib/prove/arguments';
import { isProved, proofJson, proofText, record } from './lib/prove/report';
import { prove } from './lib/prove/run';

const PROOF = join(APP_DIR, 'bench', 'PROOF.md');

async function main(): Promise<number> {
  requireNode24();
  const read = readProveArguments(process.argv.slice(2));
  if (read.kind === 'help') {
    console.log(PROVE_USAGE);
    return 0;
  }
  if (read.kind === 'fault') {
    console.error(`${read.message}\n"npm run prove -- --help" shows the options.`);
    return 1;
  }
  const { options, json } = read;
  const proof = await prove(options, {
    tell: (text) => console.error(text),
    second: (second) => console.error(secondLine(second)),
  });
  const text = `${JSON.stringify(proofJson(proof), undefined, 2)}\n`;
  if (json === '-') process.stdout.write(text);
  else {
    if (json !== undefined) writeFileSync(json, text);
    console.log(proofText(proof));
  }
  if (options.sabotage === undefined) {
    const existing = existsSync(PROOF) ? readFileSync(PROOF, 'utf8') : '';
    writeFileSync(PROOF, record(existing, proof, new Date()));
  }
  if (options.sabotage !== undefined) return isProved(proof) ? 1 : 2;
  return isProved(proof) ? 0 : 1;
}

main().then(
  (code) => {
    // Not process.exit: a pipe may not have taken all of the output yet.
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error((error as Error).stack ?? String(error));
    process.exitCode = 1;
  },
);
