import { equal, identical, listed, NOTHING, under, valueOf, type Place } from './document';
import { pointerAt, undecided, type Comparing, type Finding } from './finding';
import { disjoint } from './values';

const CONDITIONAL = ['if', 'then', 'else'] as const;
const UNEVALUATED = ['unevaluatedProperties', 'unevaluatedItems'] as const;
/** What {@link compareCombinations} judges. */
export const COMBINING_KEYWORDS = ['allOf', 'anyOf', 'oneOf', 'not', ...CONDITIONAL, ...UNEVALUATED] as const;

/** What is left of both lists without those that are the same. */
function unmatched(from: readonly Place[], to: readonly Place[]): { lost: Place[]; gained: Place[] } {
  const gained = [...to];
  const lost = from.filter((place) => {
    const partner = gained.findIndex((other) => identical(place, other));
    if (partner !== -1) gained.splice(partner, 1);
    return partner === -1;
  });
  return { lost, gained };
}

/** All conditions of `allOf`; references that stand beside other keywords are among them. */
function compareConditions(comparing: Comparing, before: Place, after: Place): Finding[] {
  const { lost, gained } = unmatched(listed(before, 'allOf'), listed(after, 'allOf'));
  if (lost.length === gained.length)
    return lost.flatMap((place, index) => comparing.compare(place, gained[index] ?? place));
  return [
    ...gained.map((place) => ({
      pointer: place.pointer,
      change: 'condition added',
      producers: comparing.narrows(before, place)
        ? 'Records that do not satisfy it were valid and are quarantined now.'
        : undefined,
    })),
    ...lost.map((place) => ({
      pointer: place.pointer,
      change: 'condition removed',
      consumers: comparing.widens(place, after) ? 'Documents can now lack what it demanded.' : undefined,
    })),
  ];
}

const exclusive = (places: readonly Place[]): boolean =>
  places.every((place, index) => places.slice(index + 1).every((other) => disjoint(place, other)));

/**
 * `anyOf` and `oneOf`. Of `oneOf` a wider alternative can refuse what another one took, unless no two of them can hold at
 * once: then it is an `anyOf`.
 */
function compareAlternatives(
  comparing: Comparing,
  before: Place,
  after: Place,
  keyword: 'anyOf' | 'oneOf',
): readonly Finding[] {
  const [from, to] = [listed(before, keyword), listed(after, keyword)];
  const { lost, gained } = unmatched(from, to);
  if (lost.length === 0 && gained.length === 0) return [];
  const pointer = pointerAt(before, after, keyword);
  if (keyword === 'oneOf' && !(exclusive(from) && exclusive(to))) {
    const why = 'more than one of the alternatives can hold at once.';
    return [undecided(pointer, 'alternatives of oneOf changed', why)];
  }
  if (from.length === 0) {
    const narrows = to.every((place) => comparing.narrows(before, place));
    const producers = narrows
      ? 'Records that satisfy none of them were valid and are quarantined now.'
      : undefined;
    return [{ pointer, change: 'alternatives added', producers }];
  }
  if (to.length === 0) {
    const widens = from.every((place) => comparing.widens(place, after));
    const consumers = widens ? 'Documents can now be what none of them allowed.' : undefined;
    return [{ pointer, change: 'alternatives removed', consumers }];
  }
  const refused = lost.filter((place) => to.every((other) => comparing.narrows(place, other)));
  const taken = gained.filter((place) => from.every((other) => comparing.widens(other, place)));
  return alternatives(comparing, { lost, gained, refused, taken });
}

function alternatives(
  comparing: Comparing,
  { lost, gained, refused, taken }: Readonly<Record<'lost' | 'gained' | 'refused' | 'taken', Place[]>>,
): readonly Finding[] {
  const gone = (place: Place): string | undefined =>
    refused.includes(place)
      ? 'Records that satisfy only this alternative were valid and are quarantined now.'
      : undefined;
  const come = (place: Place): string | undefined =>
    taken.includes(place) ? 'Documents can now be what no alternative allowed.' : undefined;
  if (lost.length !== gained.length)
    return [
      ...lost.map((place) => ({
        pointer: place.pointer,
        change: 'alternative removed',
        producers: gone(place),
      })),
      ...gained.map((place) => ({
        pointer: place.pointer,
        change: 'alternative added',
        consumers: come(place),
      })),
    ];
  return lost.flatMap((place, index): readonly Finding[] => {
    const partner = gained[index] ?? place;
    const [producers, consumers] = [gone(place), come(partner)];
    // Where another alternative makes good what one of the two lacks, their differences are not the point.
    const alone =
      comparing.narrows(place, partner) === refused.includes(place) &&
      comparing.widens(place, partner) === taken.includes(partner);
    return alone
      ? comparing.compare(place, partner)
      : [{ pointer: partner.pointer, change: 'alternative changed', producers, consumers }];
  });
}

function compareNegation(comparing: Comparing, before: Place, after: Place): Finding[] {
  const [from, to] = [before, after].map((place) => valueOf(place, 'not') !== undefined);
  if (!from && !to) return [];
  const pointer = pointerAt(before, after, 'not');
  if (!from)
    return [
      {
        pointer,
        change: 'not: added',
        producers: 'Records that satisfy it were valid and are quarantined now.',
      },
    ];
  if (!to) return [{ pointer, change: 'not: removed', consumers: 'Documents can now satisfy it.' }];
  if (comparing.equivalent(under(before, 'not'), under(after, 'not'))) return [];
  return [undecided(pointer, 'not: changed', 'what is forbidden has changed.')];
}

/** `if` alone demands nothing, nor do `then` and `else` without it. */
const isConditional = (place: Place): boolean =>
  valueOf(place, 'if') !== undefined &&
  (valueOf(place, 'then') !== undefined || valueOf(place, 'else') !== undefined);

function compareConditionals(comparing: Comparing, before: Place, after: Place): Finding[] {
  const [from, to] = [isConditional(before), isConditional(after)];
  if (!from && !to) return [];
  if (from && to) {
    if (comparing.equivalent(under(before, 'if'), under(after, 'if')))
      return ['then', 'else'].flatMap((keyword) =>
        comparing.compare(under(before, keyword), under(after, keyword)),
      );
    const why = 'other records than before fall under it.';
    return [undecided(pointerAt(before, after, 'if'), 'if: changed', why)];
  }
  return [
    {
      pointer: pointerAt(before, after, 'if'),
      change: `if: ${to ? 'added' : 'removed'}`,
      producers: to
        ? 'Records that do not satisfy its branch were valid and are quarantined now.'
        : undefined,
      consumers: from ? 'Documents can now lack what its branch demanded.' : undefined,
    },
  ];
}

const IN_PLACE = ['allOf', 'anyOf', 'oneOf', 'not', ...CONDITIONAL, 'dependentSchemas', '$ref', 'contains'];

/** What else of a schema speaks of the same value, and so decides what counts as evaluated. */
function inPlace({ document, schema, pointer }: Place): Place {
  const keywords = Object.entries(schema).filter(([keyword]) => IN_PLACE.includes(keyword));
  return {
    document,
    pointer,
    schema: { ...Object.fromEntries(keywords), ...document.referenceIn(schema)?.schema },
  };
}

/** Whether the same members and items count as evaluated for the same value. */
function evaluatesAlike(before: Place, after: Place): boolean {
  const names = (place: Place, keyword: string): string[] => {
    const value = valueOf(place, keyword);
    return typeof value === 'object' && value !== null ? Object.keys(value).toSorted() : [String(value)];
  };
  const listedAlike = ['properties', 'patternProperties', 'prefixItems'].every((keyword) =>
    equal(names(before, keyword), names(after, keyword)),
  );
  const present = ['additionalProperties', 'items'].every(
    (keyword) => (valueOf(before, keyword) === undefined) === (valueOf(after, keyword) === undefined),
  );
  return listedAlike && present && identical(inPlace(before), inPlace(after));
}

function compareUnevaluated(comparing: Comparing, before: Place, after: Place): Finding[] {
  return UNEVALUATED.flatMap((keyword) => {
    if ([before, after].every((place) => valueOf(place, keyword) === undefined)) return [];
    if (evaluatesAlike(before, after))
      return [...comparing.compare(under(before, keyword), under(after, keyword))];
    const why = 'what counts as evaluated has changed.';
    return [undecided(pointerAt(before, after, keyword), `${keyword}: concerns others than before`, why)];
  });
}

/** Keywords that combine schemas about one and the same value. */
export function compareCombinations(comparing: Comparing, before: Place, after: Place): Finding[] {
  return [
    ...compareConditions(comparing, before, after),
    ...compareAlternatives(comparing, before, after, 'anyOf'),
    ...compareAlternatives(comparing, before, after, 'oneOf'),
    ...compareNegation(comparing, before, after),
    ...compareConditionals(comparing, before, after),
    ...compareUnevaluated(comparing, before, after),
  ];
}

/** `false` on one side or on both. */
export function compareNothing(before: Place, after: Place): Finding[] {
  const [from, to] = [before, after].map(({ schema }) => schema === NOTHING);
  if (from === to) return [];
  return [
    {
      pointer: after.pointer,
      change: to ? 'allowed → forbidden' : 'forbidden → allowed',
      producers: to ? 'Records with a value here were valid and are quarantined now.' : undefined,
      consumers: from ? 'Documents can now have a value here.' : undefined,
    },
  ];
}
