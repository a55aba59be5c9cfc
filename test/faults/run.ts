/** `npm run test:faults -- --rounds N [--seed S]`: many fault rounds, each with a seed that repeats it. */
import { inspect, parseArgs } from 'node:util';
import { runRound } from './support/round';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '10' }, seed: { type: 'string', default: '1' } },
  });
  const rounds = Number(values.rounds);
  const first = Number(values.seed);
  let failed = 0;
  for (let seed = first; seed < first + rounds; seed++) {
    const result = await runRound(seed).catch((error: unknown) => ({
      seed,
      faults: [inspect(error)],
    }));
    const { faults, ...facts } = result;
    console.log(`${faults.length === 0 ? 'ok  ' : 'FAIL'} ${JSON.stringify(facts)}`);
    for (const fault of faults.slice(0, 20)) console.log(`     ${fault}`);
    if (faults.length > 0) failed++;
  }
  console.log(`\n${rounds - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
