/**
 * Reads what `strace -f -ttt -xx -y` writes: one line for each system call of any thread, in the order in which
 * they happened (https://man7.org/linux/man-pages/man1/strace.1.html).
 */

/** One system call. Strings in `args` are still in hexadecimal, so that no comma or bracket in them can mislead. */
export interface SystemCall {
  readonly name: string;
  readonly args: string;
  /** What came back, or `?` when the process ended in it. */
  readonly result: string;
}

export interface TraceEvent {
  /** A call that another thread interrupts in the trace begins earlier than it ends; between the two it may take effect. */
  readonly phase: 'begin' | 'end';
  readonly call: SystemCall;
  /** Number of the line, from 1. */
  readonly line: number;
  /** That of the line in which the call began: it tells which begin and end belong together. */
  readonly begun: number;
}

const LINE = /^(\d+)\s+\d+\.\d+ (.*)$/s;
const RESUMED = /^<\.\.\. \w+ resumed>/;
const UNFINISHED = ' <unfinished ...>';
const CALL = /^(\w+)\((.*)\)\s+= (.*)$/s;
const STARTED = /^(\w+)\((.*)$/s;

/** The text as `strace -xx` writes it. */
export function hexadecimal(text: string): string {
  return Buffer.from(text)
    .toString('hex')
    .replaceAll(/../g, String.raw`\x$&`);
}

/** The bytes of a string that `strace -xx` wrote. */
export function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(String.raw`\x`, ''), 'hex');
}

/** Puts the lines of a trace together to calls; only those that name one of `paths` in their arguments are kept. */
export class TraceReader {
  private line = 0;
  private readonly needles: readonly string[];
  private readonly begun = new Map<
    string,
    { readonly name: string; readonly text: string; readonly line: number }
  >();

  constructor(paths: readonly string[]) {
    this.needles = paths.map(hexadecimal);
  }

  /** @returns what the line shows; both phases of a call that no other thread interrupted. */
  read(text: string): TraceEvent[] {
    const line = ++this.line;
    const [, thread, rest] = LINE.exec(text) ?? [];
    if (thread === undefined || rest === undefined) return [];
    const resumed = RESUMED.exec(rest)?.[0];
    if (resumed !== undefined) return this.resume(thread, rest.slice(resumed.length));
    if (!this.needles.some((needle) => rest.includes(needle))) return [];
    if (rest.endsWith(UNFINISHED)) {
      const begun = rest.slice(0, -UNFINISHED.length);
      const [, name = '', args = ''] = STARTED.exec(begun) ?? [];
      this.begun.set(thread, { name, text: begun, line });
      return [{ phase: 'begin', call: { name, args, result: '?' }, line, begun: line }];
    }
    const call = parse(rest);
    if (!call) return [];
    return [
      { phase: 'begin', call, line, begun: line },
      { phase: 'end', call, line, begun: line },
    ];
  }

  private resume(thread: string, rest: string): TraceEvent[] {
    const begun = this.begun.get(thread);
    this.begun.delete(thread);
    if (!begun) return [];
    const call = parse(begun.text + rest);
    if (!call)
      throw new Error(`Line ${this.line} of the trace does not end the ${begun.name} that it resumes.`);
    return [{ phase: 'end', call, line: this.line, begun: begun.line }];
  }
}

function parse(text: string): SystemCall | undefined {
  const [, name, args, result] = CALL.exec(text) ?? [];
  return name === undefined || args === undefined || result === undefined
    ? undefined
    : { name, args, result };
}
