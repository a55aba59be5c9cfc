import type { JsonObject } from '../../src/domain/json';
import { compareSchemas } from '../../tools/lib/schemas/compare';

/** Each change as `whom pointer`. */
export const judged = (before: JsonObject, after: JsonObject): string[] =>
  compareSchemas(before, after).map(({ breaks, pointer }) => `${breaks} ${pointer}`);

type Row = readonly [what: string, earlier: JsonObject, later: JsonObject, there: string[], back: string[]];

/** A test each: what the change from the earlier to the later schema breaks, and what the way back breaks. */
export function rows(...all: Row[]): void {
  test.each(all)('%s', (_, earlier, later, there, back) => {
    expect(judged(earlier, later)).toEqual(there);
    expect(judged(later, earlier)).toEqual(back);
  });
}

/** An object with no other members than these. */
export const object = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: 'object',
  properties,
  additionalProperties: false,
  ...more,
});

export const string = { type: 'string' };
export const integer = { type: 'integer' };

/** `if` with `then`, by entries: an object written with a member `then` is taken for a promise. */
export const branches = (condition: JsonObject, then: JsonObject, more: JsonObject = {}): JsonObject =>
  Object.fromEntries(Object.entries({ if: condition, ...more }).concat([['then', then]]));
