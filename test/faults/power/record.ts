import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TRACED_CALLS } from './calls';
import type { ImageEntry } from './disk';

/** Where the parts of a recording are. */
export interface RecordingFolder {
  /** The disk: durable from the beginning, and empty. */
  readonly disk: string;
  /** The store's folder on it, which the service makes itself. */
  readonly store: string;
  readonly notes: string;
  readonly trace: string;
}

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

/** Records a service under load: its system calls, and between them what was asked and acknowledged. */
export async function record(service: string, seed: number, folder: string): Promise<void> {
  const { disk, trace } = recordingFolder(folder);
  mkdirSync(disk, { recursive: true });
  const options = ['-f', '--seccomp-bpf', '-ttt', '-xx', '-y', '-s', `${MAX_STRING_BYTES}`];
  const program = [process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM];
  const traced = spawn(
    'strace',
    [...options, '-o', trace, '-e', `trace=${TRACED_CALLS}`, ...program, service, `${seed}`, folder],
    // File work through io_uring would not be seen.
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, UV_USE_IO_URING: '0' } },
  );
  const [code] = (await once(traced, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`The recording of ${service} ended with ${code}.`);
}

/** Writes what an image holds into a folder that is there. */
export async function writeImage(entries: readonly ImageEntry[], folder: string): Promise<void> {
  for (const entry of entries) {
    const path = join(folder, entry.path);
    await (entry.kind === 'folder' ? mkdir(path) : writeFile(path, entry.bytes));
  }
}

/** In which files a folder differs from an image: a recording that misses a call would prove nothing. */
export async function differences(entries: readonly ImageEntry[], folder: string): Promise<string[]> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => !name.endsWith('-shm'));
  const expected = new Map(entries.map((entry) => [entry.path, entry]));
  const missing = [...expected.keys()].filter((path) => !names.includes(path));
  const found = await Promise.all(
    names.map(async (name) => {
      const entry = expected.get(name);
      const isFolder = (await lstat(join(folder, name))).isDirectory();
      if (!entry || isFolder !== (entry.kind === 'folder')) return [name];
      return entry.kind === 'folder' || entry.bytes.equals(await readFile(join(folder, name))) ? [] : [name];
    }),
  );
  return [...missing, ...found.flat()];
}
