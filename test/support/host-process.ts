import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { KEYS, SAMPLE_APP, SAMPLE_SETTINGS } from './functions-host';

const MAIN = resolve(__dirname, '../../build/local/functions/main.js');

/** A host of the sample app in a process of its own, for tests that kill it. */
export async function forkSampleHost(
  dataDir: string,
  environment: Record<string, string>,
): Promise<ChildProcess> {
  const child = fork(MAIN, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const options = {
    appDir: SAMPLE_APP,
    dataDir,
    port: 0,
    workers: 1,
    keys: KEYS,
    environment: { ...SAMPLE_SETTINGS, ...environment },
  };
  child.send({ type: 'start', options });
  await once(child, 'message');
  return child;
}

/** Ends it without a word, as a power cut does. */
export async function killHost(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
