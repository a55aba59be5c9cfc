import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { log } from '../shared/log';

const LOCK = 'lock.db';
const PROCESSES = 'processes.json';
export const LOCK_FILES: readonly string[] = [LOCK, `${LOCK}-journal`, PROCESSES, `${PROCESSES}.new`];

/** A process, told from a later one with the same id by when it started (where the system says so). */
interface ProcessId {
  pid: number;
  started: string | undefined;
}

interface Processes {
  supervisor: ProcessId;
  children: ProcessId[];
}

/** Children of a supervisor that was killed end by themselves within this time (ms). */
const ORPHAN_GRACE_MS = 8_000;
const ORPHAN_POLL_MS = 50;

/** One supervisor per state folder; held until {@link release} or the end of the process. */
export interface Lock {
  /** Writes down which children work on the state, for the next supervisor to wait for. */
  record(children: readonly number[]): void;
  release(): void;
}

/**
 * Takes the lock of a state folder. SQLite's file lock decides, which the system releases with the process, so
 * a dead holder never blocks; the process list beside it is for messages and orphans.
 * @throws when another supervisor holds it, naming its process id.
 */
export async function takeLock(stateDir: string): Promise<Lock> {
  const database = new DatabaseSync(join(stateDir, LOCK), { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== 5) throw error; // 5 = SQLITE_BUSY
    const holder = readProcesses(stateDir)?.supervisor.pid;
    const who = holder === undefined ? 'Another process' : `Process ${holder}`;
    throw new Error(
      `${who} already runs the local cloud on ${stateDir}. Stop it, or choose another state folder.`,
      {
        cause: error,
      },
    );
  }
  try {
    await awaitOrphans(readProcesses(stateDir)?.children ?? []);
  } catch (error) {
    database.close();
    throw error;
  }
  const record = (children: readonly number[]): void => {
    writeProcesses(stateDir, { supervisor: identify(process.pid), children: children.map(identify) });
  };
  record([]);
  return {
    record,
    release: () => {
      record([]);
      database.close();
    },
  };
}

/** Two processes must not work on one store: waits for the children of a dead supervisor, and ends the last ones. */
async function awaitOrphans(children: readonly ProcessId[]): Promise<void> {
  const deadline = Date.now() + ORPHAN_GRACE_MS;
  let left = children.filter(isAlive);
  if (left.length > 0) log('supervisor', `waiting for ${left.length} processes of an earlier run to end`);
  while (left.length > 0 && Date.now() < deadline) {
    await sleep(ORPHAN_POLL_MS);
    left = left.filter(isAlive);
  }
  for (const { pid, started } of left) {
    if (started === undefined)
      throw new Error(`Process ${pid} of an earlier run still works on the state: end it first.`);
    log('supervisor', `process ${pid} of an earlier run hangs and is ended`);
    process.kill(pid, 'SIGKILL');
  }
}

function isAlive({ pid, started }: ProcessId): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return started === undefined || startOf(pid) === started;
}

function identify(pid: number): ProcessId {
  return { pid, started: startOf(pid) };
}

/** Boot and start time of a process, from /proc: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses, which may hold anything; the start time is the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return undefined;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}:${fields[19]}`;
  } catch {
    return undefined;
  }
}

function readProcesses(stateDir: string): Processes | undefined {
  try {
    return JSON.parse(readFileSync(join(stateDir, PROCESSES), 'utf8')) as Processes;
  } catch {
    return undefined;
  }
}

function writeProcesses(stateDir: string, processes: Processes): void {
  const file = join(stateDir, PROCESSES);
  writeFileSync(`${file}.new`, JSON.stringify(processes), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
