import type { Json } from '../../../src/domain/json';
import { below, type Place } from './document';

/** Whom a change breaks. */
export type Breaks = 'producers' | 'consumers' | 'both' | 'nobody';

/** One difference between two schemas. */
export interface SchemaChange {
  /** JSON Pointer into the later schema; of what is gone, into the earlier one. */
  readonly pointer: string;
  readonly change: string;
  readonly breaks: Breaks;
  readonly why: string;
  /** The rules cannot tell what it does, so it counts as breaking both. */
  readonly undecided?: true;
  /** It breaks no consumer that ignores members it does not know. */
  readonly newMember?: true;
}

/** A difference as it is found: why it breaks producers, if it does, and why consumers. */
export interface Finding {
  readonly pointer: string;
  readonly change: string;
  /** Which records were valid and no longer are. */
  readonly producers?: string | undefined;
  /** Which documents can appear that could not. */
  readonly consumers?: string | undefined;
  /** What is to be said although nothing breaks, or beyond that. */
  readonly note?: string | undefined;
  readonly undecided?: true;
  readonly newMember?: true;
}

/** Compares the schemas of two places, for the rules of single keywords. */
export interface Comparing {
  /** What differs, to be reported. */
  compare(before: Place, after: Place): readonly Finding[];
  /** Whether a value that was valid may be invalid. */
  narrows(before: Place, after: Place): boolean;
  /** Whether a value that was invalid may be valid. */
  widens(before: Place, after: Place): boolean;
  /** Whether exactly the same values are valid, as far as the rules can tell. */
  equivalent(before: Place, after: Place): boolean;
}

/** A finding that the rules cannot judge. */
export function undecided(pointer: string, change: string, why: string): Finding {
  return {
    pointer,
    change,
    producers: `It cannot be decided what this does: ${why}`,
    consumers: 'It counts as breaking both.',
    undecided: true,
  };
}

/** Where a keyword's change is shown: in the later schema, unless it has gone from there. */
export function pointerAt(before: Place, after: Place, ...tokens: (string | number)[]): string {
  const keyword = String(tokens[0]);
  const place =
    Object.hasOwn(after.schema, keyword) || !Object.hasOwn(before.schema, keyword) ? after : before;
  return below(place.pointer, ...tokens);
}

/** A value in a sentence. */
export function shown(value: Json): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** Values in a sentence. */
export function allShown(values: readonly Json[]): string {
  const most = 8;
  const more = values.length > most ? ` and ${values.length - most} more` : '';
  return values.slice(0, most).map(shown).join(', ') + more;
}

export const hasNoEffect = ({ producers, consumers, newMember }: Finding): boolean =>
  producers === undefined && consumers === undefined && newMember === undefined;

/** A finding as it is told. */
export function toChange(finding: Finding): SchemaChange {
  const { pointer, change, producers, consumers, note } = finding;
  const breaks =
    producers === undefined
      ? consumers === undefined
        ? 'nobody'
        : 'consumers'
      : consumers === undefined
        ? 'producers'
        : 'both';
  const why = [producers, consumers, note].filter((text) => text !== undefined).join(' ');
  return {
    pointer,
    change,
    breaks,
    why: why === '' ? 'The same values are valid as before.' : why,
    ...(finding.undecided ? { undecided: true } : {}),
    ...(finding.newMember ? { newMember: true } : {}),
  };
}
