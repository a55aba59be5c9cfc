/** `npm run load`: sends records at a constant rate, one in each request, and tells how long each took to be accepted. */
import { writeFileSync } from 'node:fs';
import { LOAD_USAGE, readLoadArguments } from './lib/load/arguments';
import { generateLoad } from './lib/load/run';
import { loadText, loadView } from './lib/load/view';

async function main(): Promise<number> {
  const read = readLoadArguments(process.argv.slice(2), process.env);
  if (read.kind === 'help') {
    console.log(LOAD_USAGE);
    return 0;
  }
  if (read.kind === 'fault') {
    console.error(`${read.message}\n"npm run load -- --help" shows the options.`);
    return 1;
  }
  const { options, json } = read;
  const stop = new AbortController();
  // Once: a second Ctrl-C ends it as it ends any program.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const view = loadView(process.stderr, Math.round(options.rate * options.duration));
  const result = await generateLoad({
    ...options,
    signal: stop.signal,
    onSecond: (second) => view.second(second),
  }).finally(() => view.stop());
  const text = `${JSON.stringify(result, undefined, 2)}\n`;
  if (json === '-') process.stdout.write(text);
  else {
    if (json !== undefined) writeFileSync(json, text);
    console.log(loadText(result));
  }
  if (stop.signal.aborted) return 130;
  return result.failed + result.unanswered === 0 ? 0 : 3;
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
