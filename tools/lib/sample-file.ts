import { ndjson } from './products';
import { random } from './random';

export const SAMPLE_SEED = 20_260_105;

/** A record that is bad on purpose. */
export interface BadRecord {
  readonly index: number;
  /** Where it begins, 1-based: only in CSV. */
  readonly line?: number;
  readonly fault: string;
  readonly keyword: string;
  readonly pointer: string;
}

export interface SampleFile {
  /** Below `data/`. */
  readonly path: string;
  readonly dataSet: string;
  readonly format: 'ndjson' | 'json' | 'csv';
  /** How the file's text is compressed, in the file and when it is posted. */
  readonly contentEncoding?: 'gzip';
  /** Folder below `data/` of the images that are joined to the records before they are posted, as NDJSON. */
  readonly images?: string;
  readonly text: string;
  readonly bad: readonly BadRecord[];
}

/** A file of good records, one a line. */
export function asNdjson(path: string, dataSet: string, records: Iterable<object>): SampleFile {
  return { path, dataSet, format: 'ndjson', text: [...ndjson(records)].join(''), bad: [] };
}

/** Fisher–Yates with the samples' seed. */
export function shuffled<T>(items: readonly T[]): T[] {
  const source = random(SAMPLE_SEED);
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = source.integer(0, last);
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}

/** So many numbers from `first` on. */
export function numbers({ first, length }: { readonly first: number; readonly length: number }): number[] {
  return Array.from({ length }, (_, at) => first + at);
}
