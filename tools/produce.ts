/** `npm run produce`: sends a file, or made-up records, to Headwater, and tells what became of every record. */
import { KEY_VARIABLE, readArguments, USAGE } from './lib/produce/arguments';
import { produce } from './lib/produce/produce';
import { progressView } from './lib/produce/progress';
import { reportText } from './lib/produce/report';
import { exitCode } from './lib/produce/summary';

async function main(): Promise<number> {
  const read = readArguments(process.argv.slice(2), { [KEY_VARIABLE]: process.env[KEY_VARIABLE] });
  if (read.kind === 'help') {
    console.log(USAGE);
    return 0;
  }
  if (read.kind === 'fault') {
    console.error(`${read.message}\n"npm run produce -- --help" shows the options.`);
    return 1;
  }
  const stop = new AbortController();
  // Once: a second Ctrl-C ends it as it ends any program.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const view = progressView(process.stderr);
  const summary = await produce({
    ...read.options,
    signal: stop.signal,
    onProgress: (progress) => view.show(progress),
  }).finally(() => view.stop());
  console.log(read.json ? JSON.stringify(summary, undefined, 2) : reportText(summary));
  return exitCode(summary);
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
