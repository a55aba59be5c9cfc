import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { TRACED_CALLS } from './calls';

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
  const found = await Promise.race([once(tried, 'exit'), once(tried, 'error')]);
  return found[0] === 0
    ? undefined
    : 'This test needs strace: install it first (on Debian and Ubuntu: apt-get install strace).';
}

/**
 * Records a service under load: its system calls, and between them what was asked and acknowledged.
 * @param firstLife how often it was started on this disk before.
 */
export async function record(service: string, seed: number, folder: string, firstLife = 0): Promise<void> {
  const { disk, trace } = recordingFolder(folder);
  mkdirSync(disk, { recursive: true });
  const options = ['-f', '--seccomp-bpf', '-ttt', '-xx', '-y', '-s', `${MAX_STRING_BYTES}`];
  const program = [process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM];
  const traced = spawn(
    'strace',
    [
      ...options,
      '-o',
      trace,
      '-e',
      `trace=${TRACED_CALLS}`,
      ...program,
      service,
      `${seed}`,
      folder,
      `${firstLife}`,
    ],
    // File work through io_uring would not be seen.
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, UV_USE_IO_URING: '0' } },
  );
  const [code] = (await once(traced, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`The recording of ${service} ended with ${code}.`);
}
