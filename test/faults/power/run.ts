/** `npm run test:power -- [service…] [--seed N] [--cuts N]`: see docs/power-loss.md. */
import { mkdtempSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mixSeed, random as seeded } from '../../../tools/lib/random';
import { cutPower, loadRecording, prepareAfterCut } from './cut-power';
import { LIVES, record, whyNot } from './record';
import type { Recording } from './replay';
import { SERVICES, serviceNamed } from './services';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    cuts: { type: 'string', default: '40' },
    sabotage: { type: 'string' },
    from: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});

const seed = Number(options.seed);

/** Cuts the power in one recording, and says what was found. @returns the number of cuts with faults. */
async function cut(name: string, what: string, recording: Recording, cuts: number): Promise<number> {
  const started = performance.now();
  const result = await cutPower(serviceNamed(name), recording, {
    cuts,
    random: seeded(mixSeed(seed, recording.before.notes.length)),
    ignores: (path) => options.sabotage !== undefined && new RegExp(options.sabotage).test(path),
  });
  const { findings, ...facts } = result;
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const shown = JSON.stringify({ name, what, seed, ...facts, seconds });
  console.log(`${findings.length === 0 ? 'ok  ' : 'FAIL'} ${shown}`);
  for (const { cut, survival, acknowledged, faults } of findings.slice(0, 10)) {
    console.log(`     cut at step ${cut} (${survival} survives), after ${acknowledged} acknowledgements:`);
    for (const fault of faults.slice(0, 5)) console.log(`       ${fault}`);
    if (faults.length > 5) console.log(`       and ${faults.length - 5} more`);
  }
  return findings.length;
}

/** Records one service, and once more after a cut, or takes the recordings that are there. @returns as {@link cut}. */
async function test(name: string): Promise<number> {
  const folder = options.from ?? mkdtempSync(join(realpathSync(tmpdir()), `headwater-power-${name}-`));
  const [first, second] = [join(folder, 'first'), join(folder, 'second')];
  const cuts = Number(options.cuts);
  if (options.from === undefined) await record(serviceNamed(name), seed, first);
  const recording = await loadRecording(first);
  let failed = await cut(name, 'from the first start', recording, cuts);
  if (options.from === undefined) {
    await prepareAfterCut(recording, second, seeded(seed));
    await record(serviceNamed(name), seed, second, LIVES);
  }
  failed += await cut(name, 'after a cut', await loadRecording(second), Math.ceil(cuts / 2));
  const isFound = failed > 0 && options.sabotage === undefined;
  if (isFound || options.keep || options.from !== undefined) {
    console.log(`     The recordings are in ${folder}; --from takes them again.`);
  } else await rm(folder, { recursive: true });
  return failed;
}

async function main(): Promise<void> {
  const reason = await whyNot();
  if (reason !== undefined) throw new Error(reason);
  const names = positionals.length > 0 ? positionals : SERVICES.map(({ name }) => name);
  let failed = 0;
  for (const name of names) failed += await test(serviceNamed(name).name);
  if (options.sabotage === undefined) {
    console.log(`\n${failed === 0 ? 'Every promise was kept.' : `${failed} cuts broke a promise.`}`);
    process.exitCode = failed === 0 ? 0 : 1;
  } else {
    const was = failed === 0 ? 'was not noticed' : `was noticed at ${failed} cuts`;
    console.log(`\nThat syncs of /${options.sabotage}/ are ignored ${was}.`);
    process.exitCode = failed === 0 ? 2 : 1;
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
