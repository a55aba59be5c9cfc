import { equal, listed, under, valueOf, type Place } from './document';
import { pointerAt, undecided, type Comparing, type Finding } from './finding';
import { compareLimits, LIST_LIMITS, step } from './limits';

const COUNTED = ['contains', 'minContains', 'maxContains'] as const;
/** What {@link compareItems} judges. */
export const ITEM_KEYWORDS = [
  'prefixItems',
  'items',
  'minItems',
  'maxItems',
  'uniqueItems',
  ...COUNTED,
] as const;

function compareUnique(before: Place, after: Place): Finding[] {
  const keyword = 'uniqueItems';
  const [from, to] = [before, after].map((place) => valueOf(place, keyword) === true);
  if (from === to) return [];
  return [
    {
      pointer: pointerAt(before, after, keyword),
      change: step(before, after, keyword),
      producers: to ? 'Records with the same item twice were valid and are quarantined now.' : undefined,
      consumers: from ? 'Documents can now have the same item twice.' : undefined,
    },
  ];
}

/** How many items have to satisfy `contains`. */
function containsBounds(place: Place): { least: number; most: number } {
  if (valueOf(place, 'contains') === undefined) return { least: 0, most: Infinity };
  const [least, most] = ['minContains', 'maxContains'].map((keyword) => valueOf(place, keyword));
  return {
    least: typeof least === 'number' ? least : 1,
    most: typeof most === 'number' ? most : Infinity,
  };
}

function compareContains(comparing: Comparing, before: Place, after: Place): Finding[] {
  const changed = COUNTED.find((keyword) => !equal(valueOf(before, keyword), valueOf(after, keyword)));
  const [from, to] = [containsBounds(before), containsBounds(after)];
  const both = [before, after].every((place) => valueOf(place, 'contains') !== undefined);
  const same = !both || comparing.equivalent(under(before, 'contains'), under(after, 'contains'));
  if (!same) {
    // What more items satisfy, at least as many satisfy; an upper bound turns that round.
    if (from.least === to.least && from.most === Infinity && to.most === Infinity)
      return [...comparing.compare(under(before, 'contains'), under(after, 'contains'))];
    const why = 'what is counted has changed, and how many there must be.';
    return [undecided(pointerAt(before, after, 'contains'), step(before, after, 'contains'), why)];
  }
  if (changed === undefined) return [];
  const tighter = to.least > from.least || to.most < from.most;
  const wider = to.least < from.least || to.most > from.most;
  return [
    {
      pointer: pointerAt(before, after, changed),
      change: step(before, after, changed),
      producers: tighter
        ? 'Records with another number of such items were valid and are quarantined now.'
        : undefined,
      consumers: wider ? 'Documents can now have another number of such items.' : undefined,
    },
  ];
}

/** Lists: each place, the items behind them, how many, which ones. */
export function compareItems(comparing: Comparing, before: Place, after: Place): Finding[] {
  const [from, to] = [listed(before, 'prefixItems'), listed(after, 'prefixItems')];
  const [rest, laterRest] = [under(before, 'items'), under(after, 'items')];
  const places = Array.from({ length: Math.max(from.length, to.length) }, (_, index) =>
    comparing.compare(from[index] ?? rest, to[index] ?? laterRest),
  );
  return [
    ...places.flat(),
    ...comparing.compare(rest, laterRest),
    ...compareLimits(LIST_LIMITS, before, after),
    ...compareUnique(before, after),
    ...compareContains(comparing, before, after),
  ];
}
