import type { Json } from '../../domain/json';

/** JSON lines: one value a line, as the app writes its own files. */
export function toLines(values: Iterable<unknown>): Buffer {
  let text = '';
  for (const value of values) text += JSON.stringify(value) + '\n';
  return Buffer.from(text);
}

/** Reads what {@link toLines} wrote. The caller names the shape: only the app writes these files. */
export function fromLines<T = Json>(content: Buffer): T[] {
  const text = content.toString('utf8');
  const values: T[] = [];
  for (let start = 0; start < text.length;) {
    const end = text.indexOf('\n', start);
    const line = end === -1 ? text.slice(start) : text.slice(start, end);
    if (line !== '') values.push(JSON.parse(line) as T);
    start += line.length + 1;
  }
  return values;
}

/** A blob that an earlier step of the same batch wrote. Its absence is a fault of ours, not of the input. */
export function mustExist(content: Buffer | undefined, what: string): Buffer {
  if (!content) throw new Error(`${what} is missing.`);
  return content;
}
