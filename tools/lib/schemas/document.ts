import type { Json, JsonObject } from '../../../src/domain/json';

/** The schema `true`: any value. */
export const ANYTHING: JsonObject = {};
/** The schema `false`: no value. */
export const NOTHING: JsonObject = { not: {} };

/** A schema at its place in a document. The boolean schemas stand as {@link ANYTHING} and {@link NOTHING}. */
export interface Place {
  readonly document: SchemaDocument;
  readonly schema: JsonObject;
  /** JSON Pointer into the document */
  readonly pointer: string;
}

/** Where the vocabularies of 2020-12 hold schemas (https://json-schema.org/draft/2020-12/json-schema-core#section-10). */
const ONE = [
  'additionalProperties',
  'items',
  'contains',
  'propertyNames',
  'not',
  'if',
  'then',
  'else',
  'unevaluatedItems',
  'unevaluatedProperties',
] as const;
const LISTS = ['prefixItems', 'allOf', 'anyOf', 'oneOf'] as const;
const MAPS = ['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions'] as const;
const HOLDERS: ReadonlySet<string> = new Set([...ONE, ...LISTS, ...MAPS]);

/** What tells people something and refuses nothing. The app fills in no `default`. */
export const ANNOTATIONS = [
  'title',
  'description',
  'examples',
  'default',
  'deprecated',
  'readOnly',
  'writeOnly',
  '$comment',
] as const;

/** What has no effect where it stands: definitions are compared where something refers to them. */
export const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  ...ANNOTATIONS,
  '$schema',
  '$id',
  '$anchor',
  '$defs',
  'definitions',
  'x-headwater',
]);

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const escaped = (token: string): string => token.replaceAll('~', '~0').replaceAll('/', '~1');

/** A JSON Pointer (RFC 6901) further down. */
export function below(pointer: string, ...tokens: readonly (string | number)[]): string {
  return pointer + tokens.map((token) => `/${escaped(String(token))}`).join('');
}

/** Equal as JSON values: numbers by their value, members in any order. */
export function equal(one: Json | undefined, other: Json | undefined): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) || Array.isArray(other)) {
    return (
      Array.isArray(one) &&
      Array.isArray(other) &&
      one.length === other.length &&
      one.every((item, at) => equal(item, other[at]))
    );
  }
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && equal(one[name], other[name]))
  );
}

/** A keyword's own value. */
export const valueOf = ({ schema }: Place, keyword: string): Json | undefined =>
  Object.hasOwn(schema, keyword) ? schema[keyword] : undefined;

/** In the place of a schema that is not there: any value. */
export const anything = (place: Place): Place => ({ ...place, schema: ANYTHING });

/** The schema under a keyword; without it any value is allowed. */
export function under(place: Place, keyword: string): Place {
  return at(place, valueOf(place, keyword) ?? true, keyword);
}

/** The schemas that a keyword lists. */
export function listed(place: Place, keyword: string): Place[] {
  const list = valueOf(place, keyword);
  if (!Array.isArray(list)) return [];
  const places = list.map((schema, index) => at(place, schema, keyword, index));
  const reference = keyword === 'allOf' ? place.document.referenceIn(place.schema) : undefined;
  return reference ? [...places, reference] : places;
}

/** The schemas that a keyword holds by name. */
export function named(place: Place, keyword: string): Map<string, Place> {
  const map = valueOf(place, keyword);
  const entries = isObject(map) ? Object.entries(map) : [];
  return new Map(entries.map(([name, schema]) => [name, at(place, schema, keyword, name)]));
}

function at({ document, pointer }: Place, value: Json, ...tokens: (string | number)[]): Place {
  const schema = isObject(value) ? value : value === false ? NOTHING : ANYTHING;
  return { document, schema, pointer: below(pointer, ...tokens) };
}

/** Every schema directly below one. */
function* inside(place: Place): Generator<Place> {
  if (place.schema === NOTHING) return;
  for (const keyword of ONE) if (Object.hasOwn(place.schema, keyword)) yield under(place, keyword);
  for (const keyword of LISTS) yield* listed(place, keyword);
  for (const keyword of MAPS) yield* named(place, keyword).values();
}

const effectiveKeywords = ({ schema }: Place): string[] =>
  Object.keys(schema).filter((keyword) => !WITHOUT_EFFECT.has(keyword));

/** A JSON Schema whose references within itself are followed. */
export class SchemaDocument {
  readonly root: Place;
  private readonly followed = new WeakMap<JsonObject, Place>();
  private readonly wrappers = new WeakMap<JsonObject, Place>();
  private readonly references = new WeakMap<JsonObject, Place>();

  constructor(schema: JsonObject) {
    this.root = { document: this, schema, pointer: '' };
  }

  /**
   * The schema in the form in which it is compared: where there is nothing but one reference, what it refers to; a
   * reference beside other keywords as a member of `allOf`, which it means in 2020-12. The same object each time.
   */
  follow(place: Place): Place {
    if (place.schema === ANYTHING || place.schema === NOTHING) return place;
    const known = this.followed.get(place.schema);
    if (known) return known;
    // A reference that leads to itself stays as it is.
    this.followed.set(place.schema, place);
    const followed = this.followOnce(place);
    this.followed.set(place.schema, followed);
    if (followed.schema !== NOTHING && followed.schema !== ANYTHING)
      this.followed.set(followed.schema, followed);
    return followed;
  }

  private followOnce(place: Place): Place {
    const effective = effectiveKeywords(place);
    const only = effective.length === 1 ? effective[0] : undefined;
    if (only === 'not' && Object.keys(under(place, 'not').schema).length === 0)
      return { ...place, schema: NOTHING };
    const [single, ...others] = listed(place, 'allOf');
    if (only === 'allOf' && single && others.length === 0) return this.follow(single);
    const reference = valueOf(place, '$ref');
    const target = typeof reference === 'string' ? this.target(reference) : undefined;
    if (!target) return place;
    return only === '$ref' ? this.follow(target) : this.wrapped(place);
  }

  /** A schema with its reference among the conditions of `allOf`. The same objects each time. */
  wrapped(place: Place): Place {
    const known = this.wrappers.get(place.schema);
    if (known) return known;
    const { $ref: reference = '', ...rest } = place.schema;
    const alone = effectiveKeywords(place).length === 1;
    const schema = { ...rest, allOf: (valueOf(place, 'allOf') as Json[] | undefined) ?? [] };
    const condition = alone
      ? place
      : { ...place, schema: { $ref: reference }, pointer: below(place.pointer, '$ref') };
    this.references.set(schema, condition);
    const wrapped = { ...place, schema };
    this.wrappers.set(place.schema, wrapped);
    return wrapped;
  }

  /** The reference that was taken among the conditions. */
  referenceIn(schema: JsonObject): Place | undefined {
    return this.references.get(schema);
  }

  /** What a reference within the document names; undefined where it leads elsewhere or to nothing. */
  private target(reference: string): Place | undefined {
    const id = valueOf(this.root, '$id');
    const own = typeof id === 'string' && reference.startsWith(id) ? reference.slice(id.length) : reference;
    if (own === '' || own === '#') return this.root;
    if (!own.startsWith('#')) return undefined;
    return own.startsWith('#/') ? this.pointed(own.slice(1)) : this.anchored(own.slice(1));
  }

  private pointed(fragment: string): Place | undefined {
    let value: Json | undefined = this.root.schema;
    let pointer = '';
    try {
      for (const token of decodeURIComponent(fragment).slice(1).split('/')) {
        const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
        if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
        value = (value as JsonObject)[name];
        pointer = below(pointer, name);
      }
    } catch {
      return undefined;
    }
    const isSchema = isObject(value) || typeof value === 'boolean';
    return isSchema ? { ...at(this.root, value ?? true), pointer } : undefined;
  }

  private anchored(name: string): Place | undefined {
    for (const place of this.places()) if (valueOf(place, '$anchor') === name) return place;
    return undefined;
  }

  /** Every schema in the document. */
  *places(from: Place = this.root): Generator<Place> {
    yield from;
    for (const place of inside(from)) yield* this.places(place);
  }
}

/** Whether two schemas are the same but for annotations, through references. */
export function identical(
  one: Place,
  other: Place,
  assumed = new Map<JsonObject, Set<JsonObject>>(),
): boolean {
  const [left, right] = [one.document.follow(one), other.document.follow(other)];
  const partners = assumed.get(left.schema) ?? new Set();
  if (partners.has(right.schema)) return true;
  // Around a circle of references: they are the same unless a difference is found elsewhere on it.
  assumed.set(left.schema, partners.add(right.schema));
  const keywords = effectiveKeywords(left);
  const holds = (keyword: string): boolean =>
    Object.hasOwn(right.schema, keyword) &&
    (HOLDERS.has(keyword)
      ? sameSchemas(left, right, keyword, assumed)
      : equal(left.schema[keyword], right.schema[keyword]));
  return keywords.length === effectiveKeywords(right).length && keywords.every(holds);
}

function sameSchemas(
  left: Place,
  right: Place,
  keyword: string,
  assumed: Map<JsonObject, Set<JsonObject>>,
): boolean {
  const schemas = (place: Place): Map<string, Place> => {
    if (LISTS.some((list) => list === keyword))
      return new Map(listed(place, keyword).map((one, index) => [String(index), one]));
    return MAPS.some((map) => map === keyword)
      ? named(place, keyword)
      : new Map([['', under(place, keyword)]]);
  };
  const [lefts, rights] = [schemas(left), schemas(right)];
  if (lefts.size !== rights.size) return false;
  for (const [name, place] of lefts) {
    const partner = rights.get(name);
    if (!partner || !identical(place, partner, assumed)) return false;
  }
  return true;
}
