import type { JsonObject } from '../../../src/domain/json';
import { COMBINING_KEYWORDS, compareCombinations, compareNothing } from './combinations';
import { compareConfiguration } from './configuration';
import {
  ANNOTATIONS,
  ANYTHING,
  equal,
  identical,
  NOTHING,
  SchemaDocument,
  valueOf,
  WITHOUT_EFFECT,
  type Place,
} from './document';
import {
  hasNoEffect,
  pointerAt,
  toChange,
  undecided,
  type Comparing,
  type Finding,
  type SchemaChange,
} from './finding';
import { compareItems, ITEM_KEYWORDS } from './items';
import { compareNumbers, compareTexts, NUMBER_KEYWORDS, step, TEXT_KEYWORDS } from './limits';
import { compareMembers, MEMBER_KEYWORDS } from './members';
import { common, compareValues, kindsOf, VALUE_KEYWORDS } from './values';

const JUDGED: ReadonlySet<string> = new Set([
  ...WITHOUT_EFFECT,
  ...VALUE_KEYWORDS,
  ...NUMBER_KEYWORDS,
  ...TEXT_KEYWORDS,
  ...ITEM_KEYWORDS,
  ...MEMBER_KEYWORDS,
  ...COMBINING_KEYWORDS,
]);

function compareUnknown(before: Place, after: Place): Finding[] {
  const keywords = new Set([...Object.keys(before.schema), ...Object.keys(after.schema)]);
  return Array.from(keywords)
    .filter((keyword) => !JUDGED.has(keyword) && !equal(valueOf(before, keyword), valueOf(after, keyword)))
    .map((keyword) =>
      undecided(
        pointerAt(before, after, keyword),
        step(before, after, keyword),
        'there is no rule for this keyword.',
      ),
    );
}

function compareAnnotations(before: Place, after: Place): Finding[] {
  return ANNOTATIONS.filter((name) => !equal(valueOf(before, name), valueOf(after, name))).map((name) => ({
    pointer: pointerAt(before, after, name),
    change: `${name} changed`,
    note: 'It tells people something; no record is judged by it.',
  }));
}

function compareNodes(comparing: Comparing, before: Place, after: Place): readonly Finding[] {
  if (before.schema === NOTHING || after.schema === NOTHING) return compareNothing(before, after);
  const [from, to] = [kindsOf(before), kindsOf(after)];
  // What one of them cannot take at all is told of with its type.
  const both = common(from, to);
  return [
    ...compareAnnotations(before, after),
    ...compareValues(before, after, from, to),
    ...(both.has('integer') || both.has('fraction') ? compareNumbers(before, after, both) : []),
    ...compareTexts(before, after, both),
    ...(both.has('array') ? compareItems(comparing, before, after) : []),
    ...(both.has('object') ? compareMembers(comparing, before, after) : []),
    ...compareCombinations(comparing, before, after),
    ...compareUnknown(before, after),
  ];
}

/** A reference alone and the same beside other keywords are compared as conditions both. */
function followBoth(one: Place, other: Place): [Place, Place] {
  const [before, after] = [one.document.follow(one), other.document.follow(other)];
  const [from, to] = [before, after].map(({ document, schema }) => document.referenceIn(schema));
  const refers = (place: Place): boolean =>
    Object.hasOwn(place.schema, '$ref') && place.document.follow(place).schema !== place.schema;
  if (from && !to && refers(other)) return [before, other.document.wrapped(other)];
  if (to && !from && refers(one)) return [one.document.wrapped(one), after];
  return [before, after];
}

/** Comparisons of pairs of schemas, each made once. */
abstract class Comparison implements Comparing {
  private readonly made = new Map<JsonObject, Map<JsonObject, readonly Finding[] | 'under way'>>();

  /** What is answered for a pair that is just being compared: references go round in a circle. */
  protected abstract underWay(before: Place, after: Place): readonly Finding[];
  abstract narrows(before: Place, after: Place): boolean;
  abstract widens(before: Place, after: Place): boolean;
  abstract equivalent(before: Place, after: Place): boolean;

  compare(one: Place, other: Place): readonly Finding[] {
    const [before, after] = followBoth(one, other);
    const followed = before.schema !== one.schema || after.schema !== other.schema;
    const beside = followed ? compareAnnotations(one, other) : [];
    return [...beside, ...this.compareFollowed(before, after)];
  }

  private compareFollowed(before: Place, after: Place): readonly Finding[] {
    if (before.schema === after.schema && (after.schema === ANYTHING || after.schema === NOTHING)) return [];
    const pairs = this.made.get(before.schema) ?? new Map<JsonObject, readonly Finding[] | 'under way'>();
    const known = pairs.get(after.schema);
    if (known === 'under way') return this.underWay(before, after);
    if (known) return known;
    this.made.set(before.schema, pairs.set(after.schema, 'under way'));
    const findings = compareNodes(this, before, after);
    pairs.set(after.schema, findings);
    return findings;
  }
}

/**
 * Answers questions about schemas that need not stand for each other. Nothing is assumed: a pair on a circle of
 * references is taken for different, unless it is the same by its text.
 */
class Questions extends Comparison {
  protected underWay(before: Place, after: Place): readonly Finding[] {
    return [undecided(after.pointer, 'refers to itself', `it is also ${before.pointer}.`)];
  }

  narrows(before: Place, after: Place): boolean {
    return !identical(before, after) && this.compare(before, after).some(({ producers }) => producers);
  }

  widens(before: Place, after: Place): boolean {
    return (
      !identical(before, after) &&
      this.compare(before, after).some(({ consumers, newMember }) => consumers ?? newMember)
    );
  }

  equivalent(before: Place, after: Place): boolean {
    return identical(before, after) || this.compare(before, after).every(hasNoEffect);
  }
}

/**
 * Finds what is reported. A pair on a circle of references adds nothing to what is found on the way round: it is
 * unchanged if nothing else on the circle is changed.
 */
class Report extends Comparison {
  private readonly questions = new Questions();

  protected underWay(): readonly Finding[] {
    return [];
  }

  narrows(before: Place, after: Place): boolean {
    return this.questions.narrows(before, after);
  }

  widens(before: Place, after: Place): boolean {
    return this.questions.widens(before, after);
  }

  equivalent(before: Place, after: Place): boolean {
    return this.questions.equivalent(before, after);
  }
}

/** The only one that the app reads; it need not be named. */
const DIALECT = 'https://json-schema.org/draft/2020-12/schema';
const NOT_FOLLOWED = ['$dynamicRef', '$dynamicAnchor', '$recursiveRef', '$recursiveAnchor'];

/** What the comparison as a whole rests on: one dialect, and references that can be followed. */
function compareGround(before: SchemaDocument, after: SchemaDocument): Finding[] {
  const findings: Finding[] = [];
  const [from, to] = [before, after].map(({ root }) => valueOf(root, '$schema') ?? DIALECT);
  if (!equal(from, to))
    findings.push(undecided('/$schema', step(before.root, after.root, '$schema'), 'it is another dialect.'));
  if (equal(before.root.schema, after.root.schema)) return findings;
  for (const document of [before, after]) {
    for (const place of document.places()) {
      const keyword = NOT_FOLLOWED.find((name) => Object.hasOwn(place.schema, name));
      const inner = place.pointer !== '' && Object.hasOwn(place.schema, '$id');
      if (keyword === undefined && !inner) continue;
      const why = `references by ${keyword ?? 'an inner $id'} are not followed.`;
      findings.push(undecided(place.pointer, 'the schema changed, here or elsewhere', why));
    }
  }
  return findings;
}

/**
 * What a change of a data set's schema breaks, judged from the two texts alone.
 *
 * Producers break where a record that was valid can be invalid now; consumers where a document can appear that could
 * not before, or where what is stored changes its meaning (`x-headwater`). What the rules cannot decide counts as
 * breaking both. Consumers are expected to ignore members they do not know.
 */
export function compareSchemas(before: JsonObject, after: JsonObject): SchemaChange[] {
  const [from, to] = [new SchemaDocument(before), new SchemaDocument(after)];
  const { findings, concerns } = compareConfiguration(from.root, to.root);
  const changes = new Map<string, SchemaChange>();
  const all = [...findings, ...compareGround(from, to), ...new Report().compare(from.root, to.root)];
  for (const finding of all) {
    const change = toChange(concerns(finding));
    changes.set(JSON.stringify([change.pointer, change.change, change.breaks]), change);
  }
  return [...changes.values()];
}
