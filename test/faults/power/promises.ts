import { writeSync } from 'node:fs';

/** What one operation leaves under each of its keys when it is done; null: nothing. It happens as a whole or not at all. */
export type Writes = Readonly<Record<string, string | null>>;

/**
 * Written down in the order in which it happened: what was asked of the service, what it has acknowledged, when
 * it was about to be started or ended, and all that it has shown to a reader after a start.
 */
export type Note =
  | { readonly asked: number; readonly writes: Writes }
  | { readonly done: number }
  | { readonly turn: 'start' | 'end' }
  | { readonly seen: Readonly<Record<string, string>> };

/** Takes notes in a file whose writes are part of the recording, so that each stands between two calls of the service. */
export class NoteBook {
  private position = 0;

  /** @param last number of the last operation that was asked for before. */
  constructor(
    private readonly fd: number,
    private last: number,
  ) {}

  /** Notes what is asked, asks, and notes the acknowledgement. */
  async ask<T>(writes: Writes, act: () => Promise<T>): Promise<T> {
    const number = ++this.last;
    this.note({ asked: number, writes });
    const result = await act();
    this.note({ done: number });
    return result;
  }

  note(note: Note): void {
    const line = Buffer.from(`${JSON.stringify(note)}\n`);
    this.position += writeSync(this.fd, line, 0, line.length, this.position);
  }
}

interface Open {
  /** What it writes and no acknowledged operation has written since. */
  readonly left: Map<string, string | null>;
}

const SHOWN = 24;

/** What a service has promised by some moment, and what it may have done beyond that. */
export class Promises {
  /** How many operations were acknowledged. */
  readonly acknowledged: number;
  private readonly settled = new Map<string, string | null>();
  private readonly open = new Map<number, Open>();

  constructor(notes: readonly Note[]) {
    let acknowledged = 0;
    for (const note of notes) {
      if ('asked' in note) this.open.set(note.asked, { left: new Map(Object.entries(note.writes)) });
      else if ('seen' in note) this.see(new Map(Object.entries(note.seen)));
      else if ('done' in note) {
        this.settle(note.done);
        acknowledged += 1;
      }
    }
    this.acknowledged = acknowledged;
  }

  /** Every key that was asked for. */
  keys(): Set<string> {
    const open = [...this.open.values()].flatMap(({ left }) => [...left.keys()]);
    return new Set([...this.settled.keys(), ...open]);
  }

  /** Whether there must be something under a key. */
  has(key: string): boolean {
    return (this.settled.get(key) ?? null) !== null && this.allowed(key).length === 1;
  }

  /** What is wrong with what was found, in words; empty when every promise is kept and nothing is half there. */
  faults(found: ReadonlyMap<string, string>): string[] {
    const faults: string[] = [];
    for (const key of new Set([...this.keys(), ...found.keys()])) {
      const allowed = this.allowed(key);
      const value = found.get(key) ?? null;
      if (!allowed.includes(value)) {
        faults.push(`${key} is ${shown(value)}, and should be ${allowed.map(shown).join(' or ')}`);
      }
    }
    for (const { left } of this.open.values()) {
      const half = this.half(left, found);
      if (half) faults.push(half);
    }
    return faults;
  }

  private settle(number: number): void {
    const done = this.open.get(number);
    if (!done) throw new Error(`Operation ${number} was acknowledged, but not asked for.`);
    this.open.delete(number);
    for (const [key, value] of done.left) {
      this.settled.set(key, value);
      // One that was asked for before it and never answered has come before it, or never.
      for (const [other, { left }] of this.open) if (other < number) left.delete(key);
    }
  }

  /** What was shown must stay, acknowledged or not; and what was under way before a kill has happened by now, or never. */
  private see(shown: ReadonlyMap<string, string>): void {
    for (const key of this.keys()) this.settled.set(key, shown.get(key) ?? null);
    this.open.clear();
  }

  private allowed(key: string): (string | null)[] {
    const values = [this.settled.get(key) ?? null];
    for (const { left } of this.open.values()) {
      const value = left.get(key);
      if (value !== undefined) values.push(value);
    }
    return values;
  }

  private half(
    left: ReadonlyMap<string, string | null>,
    found: ReadonlyMap<string, string>,
  ): string | undefined {
    const telling = [...left].filter(([key, value]) => {
      const others = [...this.open.values()].filter((open) => open.left.has(key));
      return others.length === 1 && value !== (this.settled.get(key) ?? null);
    });
    const there = telling.filter(([key, value]) => (found.get(key) ?? null) === value);
    if (there.length === 0 || there.length === telling.length) return undefined;
    return `of an operation on ${telling.length} keys, ${there.length} are done: ${there[0]?.[0]}, and others not`;
  }
}

function shown(value: string | null): string {
  if (value === null) return 'nothing';
  return value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value;
}
