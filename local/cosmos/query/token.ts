/** Where a page of a query's results begins. */
export interface Token {
  /** The item to go on with: its id within one partition, else its row id. Null: the first. */
  readonly row: string | number | null;
  /** What that item sorts by, where results are sorted. */
  readonly value: string | number | undefined;
  /** How many of its results were given. */
  readonly at: number;
  /** Results seen before OFFSET and LIMIT. */
  readonly done: number;
}

const MAX_TOKEN = 12_500;
/** Of the value's JSON. A longer one does not fit into a header: results are counted from the first on instead. */
const MAX_VALUE = 1_000;
const FIRST: Token = { row: null, value: undefined, at: 0, done: 0 };

const isKey = (value: unknown): value is string | number =>
  typeof value === 'string' || typeof value === 'number';

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Reads `x-ms-continuation`; undefined when it is none of ours. */
export function readToken(text: string | undefined): Token | undefined {
  if (text === undefined) return FIRST;
  if (text.length > MAX_TOKEN || !text.startsWith('+')) return undefined;
  try {
    const [row, at, done, value] = JSON.parse(Buffer.from(text.slice(1), 'base64').toString()) as unknown[];
    if (row !== null && !isKey(row)) return undefined;
    if (value !== undefined && !isKey(value)) return undefined;
    if (!isCount(at) || !isCount(done)) return undefined;
    return { row, value, at, done };
  } catch {
    return undefined;
  }
}

export function writeToken({ row, at, done, value }: Token): string {
  const isLong = value !== undefined && JSON.stringify(value).length > MAX_VALUE;
  const content = isLong ? [null, 0, done] : [row, at, done, ...(value === undefined ? [] : [value])];
  return `+${Buffer.from(JSON.stringify(content)).toString('base64')}`;
}
