import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { random } from '../../../tools/lib/random';
import { TRACED_CALLS } from './calls';
import type { PowerService } from './service';

/** Where the parts of a recording are. */
export interface RecordingFolder {
  /** The disk: what is on it at the beginning is durable. */
  readonly disk: string;
  /** The store's folder on it, which the service makes itself. */
  readonly store: string;
  readonly notes: string;
  readonly trace: string;
  /** What was there before, when the recording goes on after a cut: the disk, and the notes. */
  readonly before: { readonly disk: string; readonly notes: string };
}

/** How often a service is started in a recording from the first start on. */
export const LIVES = 3;
/** Name of the store's folder on the disk. */
export const STORE = 'store';
const PROGRAM = join(__dirname, 'recording.js');
/** Longer than any write, so that the trace holds them whole. */
const MAX_STRING_BYTES = 1_000_000_000;

/** @param folder must be a real path: the trace has no other ones. */
export function recordingFolder(folder: string): RecordingFolder {
  const disk = join(folder, 'disk');
  return {
    disk,
    store: join(disk, STORE),
    notes: join(folder, 'notes'),
    trace: join(folder, 'trace'),
    before: { disk: join(folder, 'before'), notes: join(folder, 'before.json') },
  };
}

/** Why no recording can be made on this machine; undefined when it can. */
export async function whyNot(): Promise<string | undefined> {
  if (process.platform !== 'linux') {
    return 'This test records system calls with strace, which there is on Linux only.';
  }
  const tried = spawn('strace', ['-V'], { stdio: 'ignore' });
  const isThere = await once(tried, 'exit').then(
    ([code]) => code === 0,
    () => false,
  );
  return isThere
    ? undefined
    : 'This test needs strace: install it first (on Debian and Ubuntu: apt-get install strace).';
}

/** A life is killed at about this sync, if it gets so far: some do, some do not. */
const KILLED_AT_SYNC = { least: 30, most: 150 };

/** `kill -9` as a sync is about to begin: what is written is there for the next life, and not durable. */
function killAtSync(seed: number): string[] {
  const { least, most } = KILLED_AT_SYNC;
  return ['-e', `inject=fsync,fdatasync:signal=SIGKILL:when=${random(seed).integer(least, most)}`];
}

/**
 * Records a service under load: its system calls, and between them what was asked and acknowledged.
 * @param firstLife how often it was started on this disk before.
 */
export async function record(
  { name, hasOneWriter }: PowerService,
  seed: number,
  folder: string,
  firstLife = 0,
): Promise<void> {
  const { disk, trace } = recordingFolder(folder);
  mkdirSync(disk, { recursive: true });
  // Calls that are not traced cost less with the filter, but then no signal is sent.
  const kills = hasOneWriter ? killAtSync(seed) : ['--seccomp-bpf'];
  const shown = ['-f', '-ttt', '-xx', '-y', '-s', `${MAX_STRING_BYTES}`, '-o', trace];
  const calls = ['-e', `trace=${TRACED_CALLS}`, ...kills];
  const program = [process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM];
  const traced = spawn(
    'strace',
    [...shown, ...calls, ...program, name, `${seed}`, folder, `${firstLife}`],
    // File work through io_uring would not be seen.
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, UV_USE_IO_URING: '0' } },
  );
  const [code] = (await once(traced, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`The recording of ${name} ended with ${code}.`);
}
