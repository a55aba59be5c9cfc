/** How records are written in a file. */
export type Format = 'ndjson' | 'json' | 'csv';

/** How a file is compressed. */
export type Encoding = 'gzip' | 'br';

export interface FileKind {
  readonly format: Format;
  readonly encoding?: Encoding;
}

/** The `Content-Type` that each is posted with. */
export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  ndjson: 'application/x-ndjson',
  json: 'application/json',
  csv: 'text/csv',
};

const FORMATS = new Map<string, Format>([
  ['ndjson', 'ndjson'],
  ['jsonl', 'ndjson'],
  ['json', 'json'],
  ['csv', 'csv'],
]);

const ENCODINGS = new Map<string, Encoding>([
  ['gz', 'gzip'],
  ['br', 'br'],
]);

/** What the end of a file's name says of it, such as `a.csv.gz`; undefined when that is nothing we know. */
export function kindOf(name: string): FileKind | undefined {
  const extensions = name.toLowerCase().split('.').slice(1);
  const encoding = ENCODINGS.get(extensions.at(-1) ?? '');
  const format = FORMATS.get(extensions.at(encoding === undefined ? -1 : -2) ?? '');
  return format && (encoding === undefined ? { format } : { format, encoding });
}

/** As {@link kindOf}, of what `--format` is given: `csv`, `ndjson.gz`. */
export function kindNamed(text: string): FileKind | undefined {
  return kindOf(`.${text}`);
}
