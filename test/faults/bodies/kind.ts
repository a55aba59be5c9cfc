import type { Random } from '../../../tools/lib/random';
import type { Format, Good } from './good';

/** One way to spoil a body. Pure: the same good body and the same random numbers give the same bytes. */
export interface Kind {
  readonly name: string;
  readonly formats: readonly Format[];
  make(good: Good, random: Random): Buffer;
}

export const JSON_FORMATS: readonly Format[] = ['json', 'ndjson', 'object'];
export const LISTS: readonly Format[] = ['json', 'ndjson', 'csv'];
export const ALL_FORMATS: readonly Format[] = [...JSON_FORMATS, 'csv'];

/** Kinds of one table, each made of its own entry. */
export function kindsOf<T>(
  formats: readonly Format[],
  table: Readonly<Record<string, T>>,
  make: (entry: T, good: Good, random: Random) => Buffer,
): Kind[] {
  return Object.entries(table).map(([name, entry]) => ({
    name,
    formats,
    make: (good, random) => make(entry, good, random),
  }));
}

/** `bytes` with `piece` put in at `at`. */
export function inserted(bytes: Buffer, at: number, piece: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}
