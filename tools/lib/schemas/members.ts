import { anything, below, equal, isObject, named, NOTHING, under, valueOf, type Place } from './document';
import { pointerAt, type Comparing, type Finding } from './finding';
import { compareLimits, MEMBER_LIMITS } from './limits';

/** What {@link compareMembers} judges. */
export const MEMBER_KEYWORDS = [
  'properties',
  'patternProperties',
  'additionalProperties',
  'propertyNames',
  'required',
  'minProperties',
  'maxProperties',
  'dependentRequired',
  'dependentSchemas',
] as const;

/** What says which members an object may have, and what they hold. */
interface Members {
  readonly place: Place;
  readonly properties: ReadonlyMap<string, Place>;
  readonly patterns: ReadonlyMap<string, Place>;
  /** Members that are named by neither. */
  readonly others: Place;
}

function membersOf(place: Place): Members {
  return {
    place,
    properties: named(place, 'properties'),
    patterns: named(place, 'patternProperties'),
    others: under(place, 'additionalProperties'),
  };
}

const isNothing = (place: Place): boolean => place.document.follow(place).schema === NOTHING;

/** @throws SyntaxError for a pattern that is none */
const matches = (pattern: string, name: string): boolean => new RegExp(pattern, 'u').test(name);

/** The schemas that hold for a member which `properties` does not name. */
function unnamed({ patterns, others }: Members, name: string): Place[] {
  const matching = Array.from(patterns).filter(([pattern]) => matches(pattern, name));
  return matching.length > 0 ? matching.map(([, place]) => place) : [others];
}

const IGNORED = 'Documents can have a member that consumers do not know yet: they are expected to ignore it.';

function addedMember(
  comparing: Comparing,
  before: Members,
  after: Members,
  name: string,
  mine: Place,
): Finding {
  const others = unnamed(before, name);
  const pointer = below(after.place.pointer, 'properties', name);
  if (others.every(isNothing) && !isNothing(mine))
    return { pointer, change: `member "${name}" added`, note: IGNORED, newMember: true };
  const narrows = others.every((one) => comparing.narrows(one, mine));
  const widens = others.some((one) => comparing.widens(one, mine));
  return {
    pointer,
    change: `member "${name}" described`,
    producers: narrows
      ? 'Records could have a member of this name with other content; they are quarantined now.'
      : undefined,
    consumers: widens ? 'Documents can now have other content under this name.' : undefined,
  };
}

function removedMember(
  comparing: Comparing,
  before: Members,
  after: Members,
  name: string,
  mine: Place,
): Finding {
  const others = unnamed(after, name);
  return {
    pointer: below(before.place.pointer, 'properties', name),
    change: `member "${name}" ${others.every(isNothing) ? 'removed' : 'no longer described'}`,
    producers: others.some((one) => comparing.narrows(mine, one))
      ? 'Records with this member were valid and are quarantined now.'
      : undefined,
    consumers: others.every((one) => comparing.widens(mine, one))
      ? 'Documents can now have other content under this name.'
      : undefined,
  };
}

function compareNames(comparing: Comparing, before: Members, after: Members): Finding[] {
  const findings: Finding[] = [];
  for (const [name, place] of before.properties) {
    const partner = after.properties.get(name);
    if (partner) findings.push(...comparing.compare(place, partner));
    else findings.push(removedMember(comparing, before, after, name, place));
  }
  for (const [name, place] of after.properties)
    if (!before.properties.has(name)) findings.push(addedMember(comparing, before, after, name, place));
  return findings;
}

/** The schemas of one side that can hold for a member whose name matches the pattern. */
function reachedBy({ properties, patterns, others }: Members, pattern: string): Place[] {
  const names = Array.from(properties).filter(([name]) => matches(pattern, name));
  return [...names.map(([, place]) => place), ...patterns.values(), others];
}

function comparePatterns(comparing: Comparing, before: Members, after: Members): Finding[] {
  const findings: Finding[] = [];
  for (const [pattern, place] of before.patterns) {
    const partner = after.patterns.get(pattern);
    if (partner) {
      findings.push(...comparing.compare(place, partner));
      continue;
    }
    const widens = reachedBy(after, pattern).some((one) => comparing.widens(place, one));
    findings.push({
      pointer: below(before.place.pointer, 'patternProperties', pattern),
      change: `pattern of names removed`,
      producers: comparing.narrows(place, after.others)
        ? 'Records with members of such names were valid and are quarantined now.'
        : undefined,
      consumers: widens ? 'Documents can now have other content under such names.' : undefined,
    });
  }
  for (const [pattern, place] of after.patterns) {
    if (before.patterns.has(pattern)) continue;
    const narrows = reachedBy(before, pattern).some((one) => comparing.narrows(one, place));
    findings.push({
      pointer: below(after.place.pointer, 'patternProperties', pattern),
      change: `pattern of names added`,
      producers: narrows
        ? 'Records could have members of such names with other content; they are quarantined now.'
        : undefined,
      consumers: comparing.widens(before.others, place)
        ? 'Documents can now have members of such names.'
        : undefined,
    });
  }
  return findings;
}

function compareOthers(comparing: Comparing, before: Members, after: Members): readonly Finding[] {
  const [from, to] = [before.others, after.others].map(isNothing);
  if (from === to) return comparing.compare(before.others, after.others);
  return [
    {
      pointer: pointerAt(before.place, after.place, 'additionalProperties'),
      change: `other members ${to ? 'allowed → forbidden' : 'forbidden → allowed'}`,
      producers: to ? 'Records with members of other names were valid and are quarantined now.' : undefined,
      consumers: from ? 'Documents can now have members that the schema does not describe.' : undefined,
    },
  ];
}

const namesIn = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((name) => typeof name === 'string') : [];

/** Lists of names that have to be there. */
function compareLists(from: unknown, to: unknown, pointer: string, condition: string): Finding[] {
  const [earlier, later] = [namesIn(from), namesIn(to)];
  const added = later
    .filter((name) => !earlier.includes(name))
    .map((name) => ({
      pointer,
      change: `"${name}" is required${condition}`,
      producers: `Records without "${name}" were valid and are quarantined now.`,
    }));
  const removed = earlier
    .filter((name) => !later.includes(name))
    .map((name) => ({
      pointer,
      change: `"${name}" is no longer required${condition}`,
      consumers: `Documents can now lack "${name}".`,
    }));
  return [...added, ...removed];
}

function compareDependencies(comparing: Comparing, before: Place, after: Place): Finding[] {
  const keyword = 'dependentRequired';
  const [from, to] = [before, after].map((place) => {
    const value = valueOf(place, keyword);
    return isObject(value) ? value : {};
  });
  const names = new Set([...Object.keys(from ?? {}), ...Object.keys(to ?? {})]);
  const required = [...names].flatMap((name) => {
    const [earlier, later] = [from, to].map((map) => (map && Object.hasOwn(map, name) ? map[name] : []));
    const pointer = pointerAt(before, after, keyword);
    return equal(earlier, later) ? [] : compareLists(earlier, later, pointer, ` beside "${name}"`);
  });
  const [schemas, later] = [named(before, 'dependentSchemas'), named(after, 'dependentSchemas')];
  const dependent = Array.from(new Set([...schemas.keys(), ...later.keys()])).flatMap((name) =>
    comparing.compare(schemas.get(name) ?? anything(before), later.get(name) ?? anything(after)),
  );
  return [...required, ...dependent];
}

/** Objects: their members, by name, by pattern and all others; which must be there, and how many. */
export function compareMembers(comparing: Comparing, before: Place, after: Place): Finding[] {
  const [from, to] = [membersOf(before), membersOf(after)];
  return [
    ...compareNames(comparing, from, to),
    ...comparePatterns(comparing, from, to),
    ...compareOthers(comparing, from, to),
    ...compareLists(
      valueOf(before, 'required'),
      valueOf(after, 'required'),
      pointerAt(before, after, 'required'),
      '',
    ),
    ...compareLimits(MEMBER_LIMITS, before, after),
    ...compareDependencies(comparing, before, after),
    ...comparing.compare(under(before, 'propertyNames'), under(after, 'propertyNames')),
  ];
}
