import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { diskCall, type DiskCall, pathOf, writtenBytes } from './calls';
import { Disk, type ImageEntry } from './disk';
import type { Note } from './promises';
import { type SystemCall, type TraceEvent, TraceReader } from './trace';

/** One moment of a recording. */
export type Step =
  | { readonly kind: 'change'; readonly call: DiskCall }
  | { readonly kind: 'beginSync' | 'endSync'; readonly sync: number; readonly path: string }
  | { readonly kind: 'note'; readonly note: Note };

/** SQLite shares memory through this file, never syncs it and makes it anew (https://sqlite.org/walformat.html#the_wal_index_or_shm_file). */
export const SHARED_MEMORY = /-shm$/;

/** Puts the lines of a recording together to steps. */
export class StepReader {
  private readonly trace: TraceReader;

  /**
   * @param disk the folder that is modelled
   * @param notes the file with the notes
   */
  constructor(
    private readonly disk: string,
    private readonly notes: string,
  ) {
    this.trace = new TraceReader([disk, notes]);
  }

  read(line: string): Step[] {
    return this.trace.read(line).flatMap((event) => {
      const path = pathOf(event.call);
      if (path === this.notes) return event.phase === 'begin' ? notesOf(event.call) : [];
      const isOnDisk = path === this.disk || path.startsWith(`${this.disk}/`);
      if (!isOnDisk || SHARED_MEMORY.test(path)) return [];
      try {
        return this.step(event, path);
      } catch (error) {
        throw new Error(`Line ${event.line} of the trace: ${(error as Error).message}`, { cause: error });
      }
    });
  }

  private step({ phase, call, begun }: TraceEvent, path: string): Step[] {
    if (phase === 'begin') {
      if (call.name !== 'fsync' && call.name !== 'fdatasync') return [];
      return [{ kind: 'beginSync', sync: begun, path }];
    }
    const done = diskCall(call);
    if (!done) return [];
    if (done.does !== 'sync') return [{ kind: 'change', call: done }];
    return [{ kind: 'endSync', sync: begun, path: done.path }];
  }
}

function notesOf(call: SystemCall): Step[] {
  if (call.name !== 'pwrite64') return [];
  // It is noted when the call begins, before its result is known.
  const text = writtenBytes({ ...call, result: '?' }).toString();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ kind: 'note', note: JSON.parse(line) as Note }));
}

/** All steps of a trace. */
export async function readSteps(trace: string, disk: string, notes: string): Promise<Step[]> {
  const reader = new StepReader(disk, notes);
  const steps: Step[] = [];
  // Every byte of a trace with -xx is ASCII.
  const lines = createInterface({ input: createReadStream(trace, 'latin1'), crlfDelay: Infinity });
  for await (const line of lines) steps.push(...reader.read(line));
  return steps;
}

/** What was recorded, and what there was before. */
export interface Recording {
  /** Path of the folder that is the disk. */
  readonly path: string;
  readonly steps: readonly Step[];
  readonly before: { readonly image: readonly ImageEntry[]; readonly notes: readonly Note[] };
}

/** Goes through a recording step by step, with the disk and the notes as they are at each moment. */
export class Replay {
  readonly disk: Disk;
  readonly notes: Note[];
  private position = 0;
  private readonly syncs = new Map<number, () => void>();
  private readonly steps: readonly Step[];

  /** @param ignores syncs that count as not having happened, by their path: to see whether that is noticed. */
  constructor(
    { path, steps, before }: Recording,
    private readonly ignores: (path: string) => boolean = () => false,
  ) {
    this.disk = new Disk(path, before.image);
    this.notes = [...before.notes];
    this.steps = steps;
  }

  /** Takes the first `count` steps, as far as they are not taken yet. */
  advance(count: number): void {
    for (; this.position < count; this.position++) {
      const step = this.steps[this.position];
      if (step) this.take(step);
    }
  }

  private take(step: Step): void {
    switch (step.kind) {
      case 'change':
        return this.disk.apply(step.call);
      case 'note':
        this.notes.push(step.note);
        return undefined;
      case 'beginSync':
        if (!this.ignores(step.path)) this.syncs.set(step.sync, this.disk.beginSync(step.path));
        return undefined;
      case 'endSync':
        this.syncs.get(step.sync)?.();
        this.syncs.delete(step.sync);
        return undefined;
      default:
        return step satisfies never;
    }
  }
}
