import type { Value } from './good';

/** A record that a body holds, or a row of a CSV that is none: it has to be quarantined, with its text. */
export type Expected = ({ readonly value: Value } | { readonly text: string }) & {
  /** 1-based line of a CSV in which it begins. */
  readonly line?: number;
};

export interface Meaning {
  /** The codes with which it may be refused; none: it has to be accepted. */
  readonly refusals: readonly string[];
  /** What it holds; undefined: it has to be refused. */
  readonly records?: readonly Expected[];
}

/** The operator's bounds that the harness sets, so that bodies beyond them are cheap. */
export interface Limits {
  readonly bytes: number;
  readonly records: number;
}

/** The value of a record, or undefined of what is none. */
export const valueOf = (expected: Expected | undefined): Value | undefined =>
  expected && 'value' in expected ? expected.value : undefined;

export const refused = (...codes: string[]): Meaning => ({ refusals: codes });

export const holds = (records: readonly Expected[]): Meaning => ({ refusals: [], records });
