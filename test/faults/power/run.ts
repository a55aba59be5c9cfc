/** `npm run test:power -- [service…] [--seed N] [--cuts N]`: see README.md. */
import { mkdtempSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mixSeed, random as seeded } from '../../../tools/lib/random';
import { cutPower } from './cut-power';
import { record, whyNot } from './record';
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

/** Records one service, or takes the recording that is there, and cuts its power. @returns the number of cuts with faults. */
async function test(name: string, seed: number, cuts: number): Promise<number> {
  const folder = options.from ?? mkdtempSync(join(realpathSync(tmpdir()), `headwater-power-${name}-`));
  const started = performance.now();
  if (options.from === undefined) await record(name, seed, folder);
  const result = await cutPower(serviceNamed(name), folder, {
    cuts,
    random: seeded(
      mixSeed(
        seed,
        SERVICES.findIndex((service) => service.name === name),
      ),
    ),
    ignores: (path) => options.sabotage !== undefined && new RegExp(options.sabotage).test(path),
  });
  const { findings, ...facts } = result;
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  console.log(
    `${findings.length === 0 ? 'ok  ' : 'FAIL'} ${JSON.stringify({ name, seed, ...facts, seconds })}`,
  );
  for (const { cut, survival, acknowledged, faults } of findings.slice(0, 10)) {
    console.log(`     cut at step ${cut} (${survival} survives), after ${acknowledged} acknowledgements:`);
    for (const fault of faults.slice(0, 5)) console.log(`       ${fault}`);
    if (faults.length > 5) console.log(`       and ${faults.length - 5} more`);
  }
  const isKept =
    options.keep || options.from !== undefined || (findings.length > 0 && options.sabotage === undefined);
  if (!isKept) await rm(folder, { recursive: true });
  else console.log(`     The recording is in ${folder}; --from takes it again.`);
  return findings.length;
}

async function main(): Promise<void> {
  const reason = await whyNot();
  if (reason !== undefined) throw new Error(reason);
  const names = positionals.length > 0 ? positionals : SERVICES.map(({ name }) => name);
  let failed = 0;
  for (const name of names)
    failed += await test(serviceNamed(name).name, Number(options.seed), Number(options.cuts));
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
