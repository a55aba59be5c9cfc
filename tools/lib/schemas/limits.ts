import { equal, valueOf, type Place } from './document';
import { pointerAt, shown, undecided, type Finding } from './finding';
import { common, type Kind, type Kinds } from './values';

/** What {@link compareNumbers} judges. */
export const NUMBER_KEYWORDS = [
  'minimum',
  'exclusiveMinimum',
  'maximum',
  'exclusiveMaximum',
  'multipleOf',
] as const;
const CONTENT = ['contentEncoding', 'contentMediaType', 'contentSchema'] as const;
/** What {@link compareTexts} judges. */
export const TEXT_KEYWORDS = ['minLength', 'maxLength', 'pattern', 'format', ...CONTENT] as const;

/** A least or greatest length or count: what it counts, and what it is where it is not given. */
interface Limit {
  readonly keyword: string;
  readonly bound: 'least' | 'most';
  readonly of: (count: string) => string;
}

const text = (count: string): string => `a text of ${count} characters`;
const list = (count: string): string => `a list of ${count} items`;
const members = (count: string): string => `an object of ${count} members`;

export const TEXT_LIMITS: readonly Limit[] = [
  { keyword: 'minLength', bound: 'least', of: text },
  { keyword: 'maxLength', bound: 'most', of: text },
];
export const LIST_LIMITS: readonly Limit[] = [
  { keyword: 'minItems', bound: 'least', of: list },
  { keyword: 'maxItems', bound: 'most', of: list },
];
export const MEMBER_LIMITS: readonly Limit[] = [
  { keyword: 'minProperties', bound: 'least', of: members },
  { keyword: 'maxProperties', bound: 'most', of: members },
];

function numberAt(place: Place, keyword: string): number | undefined {
  const value = valueOf(place, keyword);
  return typeof value === 'number' ? value : undefined;
}

/** `given → given`, with a dash for what is not given. */
export function step(before: Place, after: Place, keyword: string): string {
  const [from, to] = [before, after].map((place) => {
    const value = valueOf(place, keyword);
    return value === undefined ? 'none' : shown(value);
  });
  return `${keyword} ${from} → ${to}`;
}

/** Lengths and counts that became smaller or greater. */
export function compareLimits(limits: readonly Limit[], before: Place, after: Place): Finding[] {
  return limits.flatMap(({ keyword, bound, of }) => {
    const none = bound === 'least' ? 0 : Infinity;
    const [from, to] = [before, after].map((place) => numberAt(place, keyword) ?? none) as [number, number];
    if (equal(valueOf(before, keyword), valueOf(after, keyword))) return [];
    const tighter = bound === 'least' ? to > from : to < from;
    const wider = bound === 'least' ? to < from : to > from;
    const beyond = (limit: number): string =>
      of(`${bound === 'least' ? 'fewer than' : 'more than'} ${limit}`);
    return [
      {
        pointer: pointerAt(before, after, keyword),
        change: step(before, after, keyword),
        producers: tighter ? `Records with ${beyond(to)} were valid and are quarantined now.` : undefined,
        consumers: wider ? `Documents can now have ${beyond(from)}.` : undefined,
      },
    ];
  });
}

/** A bound of numbers; `open`: the bound itself is beyond it. */
interface Bound {
  readonly value: number;
  readonly open: boolean;
}

/** @param sign 1 for lower bounds, −1 for upper ones, which are then lower bounds of the negated numbers */
function boundOf(place: Place, sign: 1 | -1, whole: boolean): Bound {
  const [closed, open] = sign === 1 ? ['minimum', 'exclusiveMinimum'] : ['maximum', 'exclusiveMaximum'];
  const bounds = [
    { value: sign * (numberAt(place, closed ?? '') ?? -sign * Infinity), open: false },
    { value: sign * (numberAt(place, open ?? '') ?? -sign * Infinity), open: true },
  ].map((bound) => (whole ? wholeBound(bound) : bound));
  return bounds.reduce((one, other) => (tighter(one, other) ? one : other));
}

/** The first whole number within a bound, where numbers are exact. */
function wholeBound({ value, open }: Bound): Bound {
  if (Math.abs(value) >= Number.MAX_SAFE_INTEGER) return { value, open };
  return { value: open ? Math.floor(value) + 1 : Math.ceil(value), open: false };
}

const tighter = (one: Bound, other: Bound): boolean =>
  one.value > other.value || (one.value === other.value && one.open && !other.open);

function boundText({ value, open }: Bound, sign: 1 | -1): string {
  if (value === -Infinity) return 'any';
  const word = sign === 1 ? (open ? 'more than' : 'at least') : open ? 'less than' : 'at most';
  return `${word} ${sign * value}`;
}

function compareBounds(before: Place, after: Place, sign: 1 | -1, whole: boolean): Finding[] {
  const keywords = sign === 1 ? ['minimum', 'exclusiveMinimum'] : ['maximum', 'exclusiveMaximum'];
  const keyword = keywords.find((name) => !equal(valueOf(before, name), valueOf(after, name)));
  if (keyword === undefined) return [];
  const [from, to] = [boundOf(before, sign, whole), boundOf(after, sign, whole)];
  return [
    {
      pointer: pointerAt(before, after, keyword),
      change: `${boundText(from, sign)} → ${boundText(to, sign)}`,
      producers: tighter(to, from)
        ? `Records with numbers that are not ${boundText(to, sign)} were valid and are quarantined now.`
        : undefined,
      consumers: tighter(from, to)
        ? `Documents can now have numbers that are not ${boundText(from, sign)}.`
        : undefined,
    },
  ];
}

/**
 * Only whole multiples are compared: of others the rounding of a double decides what is one.
 * @param whole whether only whole numbers can stand there, which are multiples of 1 anyway
 */
function compareMultiples(before: Place, after: Place, whole: boolean): Finding[] {
  const keyword = 'multipleOf';
  const [from, to] = [numberAt(before, keyword), numberAt(after, keyword)];
  if (from === to) return [];
  const [pointer, change] = [pointerAt(before, after, keyword), step(before, after, keyword)];
  const exact = [from, to].every((number) => number === undefined || Number.isSafeInteger(number));
  if (!exact && from !== undefined && to !== undefined)
    return [undecided(pointer, change, 'the multiples are not whole numbers.')];
  const covers = (divisor: number | undefined, number: number | undefined): boolean =>
    divisor === undefined ||
    (whole && divisor === 1) ||
    (number !== undefined && number % divisor === 0 && Number.isSafeInteger(divisor));
  return [
    {
      pointer,
      change,
      producers: covers(to, from)
        ? undefined
        : `Records with numbers that are no multiples of ${to} were valid and are quarantined now.`,
      consumers: covers(from, to)
        ? undefined
        : `Documents can now have numbers that are no multiples of ${from}.`,
    },
  ];
}

/** Bounds and multiples of numbers. */
export function compareNumbers(before: Place, after: Place, kinds: Kinds): Finding[] {
  const whole = !kinds.has('fraction');
  return [
    ...compareBounds(before, after, 1, whole),
    ...compareBounds(before, after, -1, whole),
    ...compareMultiples(before, after, whole),
  ];
}

/** A keyword that refuses some values, and of which nothing is known but whether it is the same. */
export function compareOpaque(
  before: Place,
  after: Place,
  keyword: string,
  what: string,
  why: string,
): Finding[] {
  const [from, to] = [valueOf(before, keyword), valueOf(after, keyword)];
  if (equal(from, to)) return [];
  const [pointer, change] = [pointerAt(before, after, keyword), step(before, after, keyword)];
  if (from !== undefined && to !== undefined) return [undecided(pointer, change, why)];
  return [
    {
      pointer,
      change,
      producers: from === undefined ? `Records with ${what} were valid and are quarantined now.` : undefined,
      consumers: to === undefined ? `Documents can now have ${what}.` : undefined,
    },
  ];
}

/** What tells how a text is to be read. Validation does not look at it. */
function compareContent(before: Place, after: Place): Finding[] {
  return CONTENT.filter((keyword) => !equal(valueOf(before, keyword), valueOf(after, keyword))).map(
    (keyword) => ({
      pointer: pointerAt(before, after, keyword),
      change: step(before, after, keyword),
      consumers: 'The text is to be read in another way. No record is refused for it.',
    }),
  );
}

/** Lengths, patterns and formats of texts; formats of numbers. */
export function compareTexts(before: Place, after: Place, kinds: Kinds): Finding[] {
  const formatted: Kinds = new Set<Kind>(['string', 'integer', 'fraction']);
  const format = common(kinds, formatted).size > 0;
  return [
    ...(kinds.has('string') ? compareLimits(TEXT_LIMITS, before, after) : []),
    ...(kinds.has('string')
      ? compareOpaque(
          before,
          after,
          'pattern',
          'a text that does not match the pattern',
          'one pattern is not compared with another.',
        )
      : []),
    ...(format
      ? compareOpaque(
          before,
          after,
          'format',
          'a value that does not have the format',
          'one format is not compared with another.',
        )
      : []),
    ...(kinds.has('string') ? compareContent(before, after) : []),
  ];
}
