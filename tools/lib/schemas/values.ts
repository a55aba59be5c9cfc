import type { Json } from '../../../src/domain/json';
import { equal, listed, named, NOTHING, valueOf, type Place } from './document';
import { allShown, pointerAt, type Finding } from './finding';

/** The types of JSON Schema, numbers split into those that `integer` takes and the others. */
export type Kind = 'null' | 'boolean' | 'object' | 'array' | 'string' | 'integer' | 'fraction';
export type Kinds = ReadonlySet<Kind>;

/** What {@link compareValues} judges. */
export const VALUE_KEYWORDS = ['type', 'enum', 'const'] as const;

const KINDS: Kinds = new Set(['null', 'boolean', 'object', 'array', 'string', 'integer', 'fraction']);

/** The only values of these kinds. */
const FEW: Partial<Record<Kind, readonly Json[]>> = { null: [null], boolean: [false, true] };

export function kindOf(value: Json): Kind {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'fraction';
  return typeof value as 'boolean' | 'object' | 'string';
}

export function common(one: Kinds, other: Kinds): Kinds {
  return new Set(Array.from(one).filter((kind) => other.has(kind)));
}

function ownTypes(place: Place): Kinds {
  const type = valueOf(place, 'type');
  if (type === undefined) return KINDS;
  const names = Array.isArray(type) ? type : [type];
  return new Set(names.flatMap((name) => (name === 'number' ? ['integer', 'fraction'] : [name])) as Kind[]);
}

/** The values that `enum` and `const` leave, or undefined where neither stands. */
function ownValues(place: Place): readonly Json[] | undefined {
  const [list, constant] = [valueOf(place, 'enum'), valueOf(place, 'const')];
  const types = ownTypes(place);
  const values = Array.isArray(list) ? list : constant === undefined ? undefined : [constant];
  return values?.filter(
    (value) => types.has(kindOf(value)) && (constant === undefined || equal(value, constant)),
  );
}

/** The values of a schema if they are few: those of `enum` and `const`, true and false, null. */
export function fewValues(place: Place): readonly Json[] | undefined {
  const types = [...ownTypes(place)];
  return (
    ownValues(place) ??
    (types.every((kind) => FEW[kind]) ? types.flatMap((kind) => FEW[kind] ?? []) : undefined)
  );
}

/** The kinds of values that a schema can take at most. */
export function kindsOf(place: Place, asking: ReadonlySet<object> = new Set()): Kinds {
  const node = place.document.follow(place);
  if (node.schema === NOTHING) return new Set();
  if (asking.has(node.schema)) return KINDS;
  const inner = new Set([...asking, node.schema]);
  const values = ownValues(node);
  let kinds: Kinds = values ? new Set(values.map(kindOf)) : ownTypes(node);
  for (const one of listed(node, 'allOf')) kinds = common(kinds, kindsOf(one, inner));
  for (const keyword of ['anyOf', 'oneOf']) {
    const several = listed(node, keyword);
    if (several.length > 0)
      kinds = common(kinds, new Set(several.flatMap((one) => [...kindsOf(one, inner)])));
  }
  return kinds;
}

/** Whether no value can satisfy both. False where that cannot be told. */
export function disjoint(one: Place, other: Place): boolean {
  const [left, right] = [one.document.follow(one), other.document.follow(other)];
  const shared = common(kindsOf(left), kindsOf(right));
  if (shared.size === 0) return true;
  const [lefts, rights] = [fewValues(left), fewValues(right)];
  if (lefts && rights) return !lefts.some((value) => rights.some((rival) => equal(value, rival)));
  return shared.size === 1 && shared.has('object') && toldApart(left, right);
}

/** Objects with a member that both require, and whose values are others. */
function toldApart(left: Place, right: Place): boolean {
  const required = (place: Place): readonly Json[] => {
    const names = valueOf(place, 'required');
    return Array.isArray(names) ? names : [];
  };
  const others = required(right);
  return required(left).some((name) => {
    if (typeof name !== 'string' || !others.includes(name)) return false;
    const [lefts, rights] = [left, right].map((place) => {
      const member = named(place, 'properties').get(name);
      return member && fewValues(member.document.follow(member));
    });
    return (
      lefts !== undefined &&
      rights !== undefined &&
      !lefts.some((value) => rights.some((rival) => equal(value, rival)))
    );
  });
}

const takes = (place: Place, value: Json): boolean =>
  ownTypes(place).has(kindOf(value)) && (ownValues(place)?.some((one) => equal(one, value)) ?? true);

/** What `one` can take, of these kinds, and `other`'s `type`, `enum` and `const` do not: a text, or undefined. */
function missing(one: Place, kinds: Kinds, other: Place): string | undefined {
  const values = ownValues(one)?.filter((value) => kinds.has(kindOf(value)));
  const lost = values ?? [...kinds].flatMap((kind) => FEW[kind] ?? []);
  const lostValues = lost.filter((value) => !takes(other, value));
  const limited = ownValues(other) !== undefined;
  const lostKinds = values
    ? []
    : [...kinds].filter((kind) => !FEW[kind] && (limited || !ownTypes(other).has(kind)));
  const texts = [...kindNames(lostKinds), ...(lostValues.length > 0 ? [allShown(lostValues)] : [])];
  return texts.length > 0 ? texts.join(', ') : undefined;
}

const NAMES: Record<Kind, string> = {
  null: 'null',
  boolean: 'true or false',
  object: 'an object',
  array: 'an array',
  string: 'a text',
  integer: 'a whole number',
  fraction: 'a number with a fraction',
};

function kindNames(kinds: readonly Kind[]): string[] {
  const numbers = kinds.includes('integer') && kinds.includes('fraction');
  const names = kinds.filter((kind) => !numbers || kind !== 'fraction');
  return names.map((kind) => (numbers && kind === 'integer' ? 'a number' : NAMES[kind]));
}

function described(place: Place): string {
  const values = ownValues(place);
  if (values) return values.length === 1 ? allShown(values) : `one of ${allShown(values)}`;
  const type = valueOf(place, 'type');
  if (type === undefined) return 'any type';
  const names = Array.isArray(type) ? type : [type];
  return names.filter((name) => typeof name === 'string').join(' or ');
}

/** Of two lists of values what came and what went; of anything else what stood and what stands. */
function changeText(before: Place, after: Place): string {
  const [from, to] = [ownValues(before), ownValues(after)];
  if (!from || !to) return `${described(before)} → ${described(after)}`;
  const lacking = (values: readonly Json[], others: readonly Json[]): readonly Json[] =>
    values.filter((value) => !others.some((other) => equal(value, other)));
  const [added, removed] = [lacking(to, from), lacking(from, to)];
  const texts = [
    ...(added.length > 0 ? [`added ${allShown(added)}`] : []),
    ...(removed.length > 0 ? [`removed ${allShown(removed)}`] : []),
  ];
  return texts.length > 0 ? `values: ${texts.join('; ')}` : 'the same values';
}

/** `type`, `enum` and `const` together: which of them says it does not matter. */
export function compareValues(before: Place, after: Place, kindsBefore: Kinds, kindsAfter: Kinds): Finding[] {
  const keywords = VALUE_KEYWORDS.filter(
    (keyword) => !equal(valueOf(before, keyword), valueOf(after, keyword)),
  );
  const [keyword] = keywords;
  if (keyword === undefined) return [];
  const refused = missing(before, kindsBefore, after);
  const taken = missing(after, kindsAfter, before);
  return [
    {
      pointer: pointerAt(before, after, keyword),
      change: changeText(before, after),
      producers: refused && `Records with ${refused} here were valid and are quarantined now.`,
      consumers: taken && `Documents can now have ${taken} here.`,
    },
  ];
}
