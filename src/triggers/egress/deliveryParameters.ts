import { DATASET_NAME } from '../../domain/dataset';
import type { Subscription } from '../../domain/egress/subscription';
import type { Json, JsonObject } from '../../domain/json';
import { MAX_KEY_BYTES } from '../../domain/keys';
import { Problem } from '../../domain/problem';

/** A date, or a date and time with its offset: without one it would be the server's local time. */
const ISO_8601 = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

export function invalidParameter(parameter: string, detail: string): Problem {
  return new Problem('invalid-parameter', detail, { parameter });
}

/**
 * A point in time as it is compared with stored ones: ISO 8601 in UTC with milliseconds.
 * @throws Problem `invalid-parameter`
 */
export function checkSince(value: Json): string {
  const ms = typeof value === 'string' && ISO_8601.test(value) ? Date.parse(value) : NaN;
  const text = Number.isNaN(ms) ? '' : new Date(ms).toISOString();
  // An offset can lead out of the years that are written with four digits.
  if (/^\d/.test(text)) return text;
  throw invalidParameter(
    'since',
    '"since" must be a date, or a date and time with its offset from UTC, such as 2026-03-01T12:00:00Z (ISO 8601).',
  );
}

/** @throws Problem `invalid-parameter` */
export function checkDataset(value: Json): string {
  if (typeof value === 'string' && DATASET_NAME.test(value)) return value;
  throw invalidParameter('dataset', '"dataset" must be the name of a data set.');
}

/** @throws Problem `invalid-parameter` */
export function checkKey(value: Json): string {
  const isKey =
    typeof value === 'string' &&
    value !== '' &&
    value.isWellFormed() &&
    Buffer.byteLength(value) <= MAX_KEY_BYTES;
  if (isKey) return value;
  throw invalidParameter(
    'key',
    `"key" must be a document's key: a string of 1 to ${MAX_KEY_BYTES} bytes of well-formed Unicode.`,
  );
}

/**
 * Members of a body, each checked; what is absent stays so.
 * @throws Problem `invalid-parameter`
 */
export function membersOf<T extends Readonly<Record<string, unknown>>>(
  body: JsonObject,
  checks: { readonly [N in keyof T & string]: (value: Json) => T[N] },
): Partial<T> {
  const members: [string, unknown][] = [];
  for (const [name, value] of Object.entries(body)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    const shown = name.slice(0, 100).toWellFormed();
    if (!check)
      throw invalidParameter(
        shown,
        `There is no member "${shown}"; allowed are ${Object.keys(checks).join(', ')}.`,
      );
    members.push([name, check(value)]);
  }
  return Object.fromEntries(members) as Partial<T>;
}

/** Data sets that a subscription may have rows of. */
export function datasetsOf({ datasets, terms }: Subscription): string[] {
  return [...new Set([...datasets, ...terms.flatMap((term) => term.datasets)])];
}
