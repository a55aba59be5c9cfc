/** `npm run test:bodies -- --count N [--seed S]`, or `--only N` for one body alone: see README.md. */
import { parseArgs } from 'node:util';
import { table } from '../../../tools/lib/table';
import { bodyOf } from './bodies';
import { doorOf } from './doors';
import { tagOf } from './good';
import { mib, type MemorySample } from './memory';
import { runBodies, type BodiesResult } from './run-bodies';

/** Faults printed; the first ones tell most. */
const MAX_PRINTED = 50;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      verbose: { type: 'boolean', default: false },
    },
  });
  const seed = Number(values.seed);
  const only = values.only === undefined ? undefined : Number(values.only);
  if (only !== undefined) show(seed, only);
  let printed = 0;
  const result = await runBodies({
    seed,
    onFault: (fault) => {
      if (++printed <= MAX_PRINTED) console.log(`FAIL ${fault}`);
    },
    count: Number(values.count),
    ...(only === undefined ? { onGroup: progress(Number(values.count)) } : { only }),
    ...(values.verbose
      ? {
          onVisit: ({ number, kind }, door, outcome) =>
            console.log(`${number} ${door.name}: ${kind}: ${outcome}`),
        }
      : {}),
  });
  print(result, only === undefined);
  process.exitCode = result.faults.length === 0 ? 0 : 1;
}

/** What is sent, for one who wants to send it by other means. */
function show(seed: number, number: number): void {
  const door = doorOf(number);
  const { kind, bytes, contentType, contentEncoding, streamed } = bodyOf(
    seed,
    number,
    door,
    tagOf(seed, number),
  );
  console.log(
    `body ${number} (${door.name}, ${kind}): ${bytes.length} bytes${streamed ? ', in pieces' : ''}`,
  );
  console.log(`Content-Type: ${contentType}, Content-Encoding: ${contentEncoding}`);
  const some = bytes.subarray(0, 2000);
  console.log(JSON.stringify(some.toString('utf8')));
  if (some.includes('\ufffd') || bytes.length > some.length)
    console.log(`base64 of its beginning: ${some.toString('base64')}`);
}

function progress(count: number): (done: number, samples: readonly MemorySample[]) => void {
  const started = performance.now();
  return (done, samples) => {
    const rate = Math.round((done * 1000) / (performance.now() - started));
    const memory = samples.map(({ name, live }) => `${name} ${mib(live)}`).join(', ');
    console.log(`${done} of ${count} (${rate}/s): ${memory}`);
  };
}

function print({ doors, memory, batches, documents, seconds, faults }: BodiesResult, all: boolean): void {
  const labels = [...new Set(doors.flatMap(({ outcomes }) => [...outcomes.keys()]))].toSorted();
  // Wide enough as it is: a row for each outcome, a column for each door would be wider.
  const rows = labels.flatMap((label) =>
    doors.flatMap(({ door, outcomes }) => {
      const count = outcomes.get(label);
      return count === undefined ? [] : [[door, label, String(count)]];
    }),
  );
  console.log(
    `\n${table(
      ['door', 'outcome', 'bodies'],
      rows.toSorted(([a = ''], [b = '']) => a.localeCompare(b)),
    )}`,
  );
  const slow = doors.map(({ door, slowest: { ms, number } }) => [
    door,
    `${Math.round(ms)} ms`,
    String(number),
  ]);
  console.log(`\n${table(['door', 'slowest answer', 'body'], slow)}`);
  if (all) {
    const grown = memory.flatMap(({ name, live, resident }) =>
      Object.entries({ live, resident }).map(([what, { warm, end, most, allowed }]) => [
        `${name}, ${what}`,
        ...[warm, end, most, allowed].map(mib),
      ]),
    );
    console.log(`\n${table(['memory', 'after warm-up', 'at the end', 'at most', 'may grow by'], grown)}`);
  }
  console.log(`\n${batches} batches, ${documents} documents, ${Math.round(seconds)} s`);
  if (faults.length > MAX_PRINTED) console.log(`and ${faults.length - MAX_PRINTED} more`);
  console.log(faults.length === 0 ? 'Nothing was found wrong.' : `${faults.length} things are wrong.`);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
