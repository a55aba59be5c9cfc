import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import type { Json, JsonObject } from '../../src/domain/json';
import { SchemaDocument, type Place } from '../../tools/lib/schemas/document';
import { fc } from './properties';

/** Names and values are few, so that schemas and records meet. */
const NAMES = ['a', 'b', 'c', 'x1', 'x2'] as const;
const name = fc.constantFrom(...NAMES);
const TEXTS = ['', 'a', 'b', 'ab', 'abc', '2026-02-28', '2026-02-28T10:00:00Z', 'x1'] as const;
const small = fc.integer({ min: -1, max: 4 });
const count = fc.integer({ min: 0, max: 3 });

const scalar = fc.oneof(
  fc.constantFrom<Json>(null, false, true, 0.5, 1.5, -2, 5, 6, 12),
  small,
  fc.constantFrom(...TEXTS),
);

/** Any value that the schemas can be about. */
export const record: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalar,
    fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }) as fc.Arbitrary<Json>,
    fc.array(tie('value'), { maxLength: 3 }),
  ),
})).value;

const TYPES = ['null', 'boolean', 'object', 'array', 'string', 'integer', 'number'] as const;

/** A value in the earlier and in the later schema; undefined where it does not stand. */
type Twin = readonly [before: Json | undefined, after: Json | undefined];

/** Mostly the same in both. */
function twin(value: fc.Arbitrary<Json>): fc.Arbitrary<Twin> {
  return fc.oneof(
    { weight: 5, arbitrary: value.map((one): Twin => [one, one]) },
    { weight: 2, arbitrary: fc.tuple(value, value) },
    { weight: 1, arbitrary: value.map((one): Twin => [undefined, one]) },
    { weight: 1, arbitrary: value.map((one): Twin => [one, undefined]) },
  );
}

/** Of twins by name, the earlier object and the later one. */
function parted(twins: Readonly<Record<string, Twin>>): [JsonObject, JsonObject] {
  const side = (at: 0 | 1): JsonObject =>
    Object.fromEntries(
      Object.entries(twins).flatMap(([key, both]) => (both[at] === undefined ? [] : [[key, both[at]]])),
    );
  return [side(0), side(1)];
}

const listed = (twins: readonly Twin[]): Twin => {
  const side = (at: 0 | 1): Json[] => twins.flatMap((both) => both[at] ?? []);
  return [side(0), side(1)].map((list) => (list.length > 0 ? list : undefined)) as unknown as Twin;
};

/** A keyword, alone or with what belongs to it; `inner` makes the schemas in it. */
function keywords(inner: fc.Arbitrary<Twin>): fc.Arbitrary<Readonly<Record<string, Twin>>> {
  const one = (
    weight: number,
    names: readonly string[],
    value: fc.Arbitrary<Twin>,
  ): fc.WeightedArbitrary<Record<string, Twin>> => ({
    weight,
    arbitrary: fc.tuple(fc.constantFrom(...names), value).map(([key, both]) => ({ [key]: both })),
  });
  const map = (key: fc.Arbitrary<string>): fc.Arbitrary<Twin> =>
    fc.dictionary(key, inner, { minKeys: 1, maxKeys: 2, noNullPrototype: true }).map(parted);
  const names = fc.uniqueArray(name, { minLength: 1, maxLength: 2 }) as fc.Arbitrary<Json>;
  const lists = fc.array(inner, { minLength: 1, maxLength: 3 }).map(listed);
  const type = fc.constantFrom<Json>(
    ...TYPES,
    ['object', 'string'],
    ['integer', 'null'],
    ['array', 'number'],
  );
  const number = fc.oneof(small, fc.constant(1.5));
  return fc.oneof(
    one(5, ['type'], twin(type)),
    one(2, ['enum'], twin(fc.uniqueArray(scalar, { minLength: 1, maxLength: 4 }))),
    one(1, ['const'], twin(scalar)),
    one(3, ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'], twin(number)),
    one(1, ['multipleOf'], twin(fc.constantFrom(1, 2, 3, 6, 0.5, 1.5))),
    one(3, ['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'], twin(count)),
    one(1, ['pattern'], twin(fc.constantFrom('^a', 'b$', '^x'))),
    one(1, ['format'], twin(fc.constantFrom('date', 'date-time'))),
    one(1, ['uniqueItems'], twin(fc.boolean())),
    one(1, ['required'], twin(names)),
    one(6, ['properties'], map(name)),
    one(2, ['patternProperties'], map(fc.constantFrom('^x', '1$', '^a'))),
    one(2, ['additionalProperties'], fc.oneof(twin(fc.boolean()), inner)),
    one(1, ['propertyNames'], inner),
    one(
      1,
      ['dependentRequired'],
      fc.dictionary(name, twin(names), { maxKeys: 2, noNullPrototype: true }).map(parted),
    ),
    one(1, ['dependentSchemas'], map(name)),
    one(2, ['items', 'contains'], inner),
    one(2, ['prefixItems'], lists),
    one(1, ['minContains', 'maxContains'], twin(count)),
    one(4, ['allOf', 'anyOf', 'oneOf'], lists),
    one(1, ['not'], inner),
    {
      weight: 2,
      arbitrary: fc
        .tuple(inner, inner, fc.option(inner, { nil: undefined }))
        .map((twins) =>
          Object.fromEntries(
            twins.flatMap((both, at) => (both ? [[['if', 'then', 'else'][at], both] as const] : [])),
          ),
        ),
    },
    one(1, ['unevaluatedProperties', 'unevaluatedItems'], fc.oneof(twin(fc.boolean()), inner)),
    one(1, ['$ref'], twin(fc.constantFrom('#/$defs/one', '#/$defs/two', '#anchored'))),
    one(1, ['title'], twin(fc.constantFrom('A title', 'Another title'))),
  );
}

const schemaTwin = fc.letrec<{ schema: Twin }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    twin(fc.boolean()),
    fc
      .array(keywords(tie('schema')), { minLength: 1, maxLength: 3 })
      .map((all) => parted(Object.assign({}, ...all) as Record<string, Twin>)),
  ),
})).schema;

/** Two schemas, mostly alike, with definitions that they may refer to. */
export const schemaPair: fc.Arbitrary<readonly [JsonObject, JsonObject]> = fc
  .tuple(fc.array(keywords(schemaTwin), { minLength: 1, maxLength: 3 }), schemaTwin, schemaTwin)
  .map(([all, one, two]) => {
    const [before, after] = parted(Object.assign({}, ...all) as Record<string, Twin>);
    const document = (own: JsonObject, at: 0 | 1): JsonObject => ({
      ...own,
      $defs: { one: one[at] ?? true, two: { $anchor: 'anchored', allOf: [two[at] ?? true] } },
    });
    return [document(before, 0), document(after, 1)];
  });

/** One for all: most of what a new one takes is the compiling of the schema of schemas. */
const ajv = new Ajv2020({ strict: false, logger: false, validateSchema: false });
addFormats(ajv);

/** The check of a schema by another hand than the comparison's. */
export function checkOf(schema: JsonObject): (value: Json) => boolean {
  const check = ajv.compile(schema);
  ajv.removeSchema(schema);
  return (value) => check(value);
}

/** The schema with these names allowed, anything under them, where it forbids all that it does not name. */
export function knowing(schema: JsonObject, names: readonly string[]): JsonObject {
  const open = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(open);
    if (typeof value !== 'object' || value === null) return value;
    const inner = Object.fromEntries(
      Object.entries(value).map(([key, one]) => [
        key,
        key === 'not' || key === 'if' || key === 'enum' || key === 'const' ? one : open(one),
      ]),
    );
    if (inner['additionalProperties'] !== false) return inner;
    const added = Object.fromEntries(names.map((one) => [one, true]));
    return { ...inner, properties: { ...added, ...(inner['properties'] as JsonObject | undefined) } };
  };
  return open(schema) as JsonObject;
}

/**
 * Where ajv 8.20 errs, and cannot be asked: beside `prefixItems`, and in what is said of unevaluated members, it takes an
 * empty list for one that satisfies `contains`.
 */
export function canBeAsked(schema: JsonObject): boolean {
  const places = [...new SchemaDocument(schema).places()];
  const has = (place: Place, keyword: string): boolean => Object.hasOwn(place.schema, keyword);
  const counts = places.filter((place) => has(place, 'contains'));
  const unevaluated = places.some((place) => has(place, 'unevaluatedProperties'));
  return !counts.some((place) => unevaluated || has(place, 'prefixItems'));
}

/** A schema that refers to itself without end, and faults of ajv 8.20 in marking members as evaluated. */
const NO_ANSWER = /Maximum call stack|Cannot set properties of undefined|props\d+ is not defined/;

/** What the check says, or undefined where it has no answer. */
export function says(check: (value: Json) => boolean, value: Json): boolean | undefined {
  try {
    return check(value);
  } catch (error) {
    if (NO_ANSWER.test((error as Error).message)) return undefined;
    throw error;
  }
}
