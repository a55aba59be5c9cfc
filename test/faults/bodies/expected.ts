import type { Value } from './good';

/** A record that a body holds; without a value it is one that cannot be read, and has to be quarantined. */
export interface Expected {
  readonly value?: Value;
}

export interface Meaning {
  /** The codes with which it may be refused; none: it has to be accepted. */
  readonly refusals: readonly string[];
  /** What it holds if it is accepted; undefined: it must not be; `unknown`: the documentation leaves it open. */
  readonly records?: readonly Expected[] | 'unknown';
}

/** The operator's bounds that the harness sets, so that bodies beyond them are cheap. */
export interface Limits {
  readonly bytes: number;
  readonly records: number;
}

export const refused = (...codes: string[]): Meaning => ({ refusals: codes });

export const holds = (records: readonly Expected[]): Meaning => ({ refusals: [], records });
