import type { Json } from '../../domain/json';

/**
 * What a buffer was made of, or was read as. The app's files are written once, so within a process a step need not
 * parse what the step before has just written; an entry lives as long as its buffer does in the blobs' cache.
 */
const values = new WeakMap<Buffer, readonly unknown[]>();

/** JSON lines: one value a line, as the app writes its own files. The values must not be changed afterwards. */
export function toLines(list: readonly unknown[]): Buffer {
  let text = '';
  for (const value of list) text += JSON.stringify(value) + '\n';
  return knownAs(Buffer.from(text), list);
}

/** Remembers what the lines in a buffer are. */
export function knownAs(content: Buffer, list: readonly unknown[]): Buffer {
  values.set(content, list);
  return content;
}

/** Reads what {@link toLines} wrote. The caller names the shape: only the app writes these files. */
export function fromLines<T = Json>(content: Buffer): readonly T[] {
  const known = values.get(content);
  if (known) return known as readonly T[];
  const list = parseLines(content.toString('utf8'));
  values.set(content, list);
  return list as T[];
}

function parseLines(text: string): unknown[] {
  const list: unknown[] = [];
  for (let start = 0; start < text.length;) {
    const end = text.indexOf('\n', start);
    const line = end === -1 ? text.slice(start) : text.slice(start, end);
    if (line !== '') list.push(JSON.parse(line));
    start += line.length + 1;
  }
  return list;
}

/** A line whose last member is there as text. @param head has a member, and nowhere one of that name */
export function lineWith(head: object, name: string, json: string): string {
  return `${JSON.stringify(head).slice(0, -1)},"${name}":${json}}\n`;
}

/**
 * The last member of each line that {@link lineWith} wrote, as bytes of the content itself: it need not be written again.
 * @throws when a line has none
 */
export function lastMembers(content: Buffer, name: string): Buffer[] {
  const mark = `,"${name}":`;
  const members: Buffer[] = [];
  for (let start = 0; start < content.length;) {
    // Before it there is no member of that name, and in a string the quotes would be escaped.
    const from = content.indexOf(mark, start) + mark.length;
    const end = content.indexOf(NEWLINE, start);
    if (from < start + mark.length || end < from) throw new Error(`A line has no "${name}".`);
    members.push(content.subarray(from, end - '}'.length));
    start = end + 1;
  }
  return members;
}

/** The UTF-8 of pieces, each copied once. */
export function joined(pieces: readonly (string | Buffer)[]): Buffer {
  let bytes = 0;
  for (const piece of pieces) bytes += typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length;
  const whole = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const piece of pieces)
    at += typeof piece === 'string' ? whole.write(piece, at) : piece.copy(whole, at);
  return whole;
}

const NEWLINE = 0x0a;

/** A blob that an earlier step of the same batch wrote. Its absence is a fault of ours, not of the input. */
export function mustExist(content: Buffer | undefined, what: string): Buffer {
  if (!content) throw new Error(`${what} is missing.`);
  return content;
}
