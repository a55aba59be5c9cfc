import type { Json, JsonObject } from '../../../src/domain/json';
import { below, equal, isObject, valueOf, type Place } from './document';
import { shown, undecided, type Finding } from './finding';

const BLOCK = '/x-headwater';

type Change = (from: Json | undefined, to: Json | undefined, pointer: string) => Finding[];

const stated = (value: Json | undefined): string => (value === undefined ? 'none' : shown(value));

/** A change of what a record means: no text about valid or invalid can tell whether it is harmless. */
const meaning =
  (name: string, producers: string, consumers: string): Change =>
  (from, to, pointer) => [
    { pointer, change: `${name} ${stated(from)} → ${stated(to)}`, producers, consumers },
  ];

const key = meaning(
  'key',
  'Records without a key at the new place are quarantined now.',
  'Under the new key there will be new documents beside the old ones, which nothing updates or deletes any more.',
);

const version: Change = (from, to, pointer) => [
  {
    pointer,
    change: `version ${stated(from)} → ${stated(to)}`,
    note: 'It names the schema; no record is judged by it.',
  },
];

const eventTimeMoved = meaning(
  'event time',
  'Records without a time at this place and in this format are quarantined now.',
  'The order of the versions that are stored is not comparable with that of new ones: an older one can win.',
);

const eventTime: Change = (from, to, pointer) => {
  if (!isObject(from) || !isObject(to)) return eventTimeMoved(from, to, pointer);
  const { allowedSkewSeconds: earlier, ...place } = from;
  const { allowedSkewSeconds: later, ...newPlace } = to;
  const moved = equal(place, newPlace) ? [] : eventTimeMoved(place, newPlace, pointer);
  if (equal(earlier ?? null, later ?? null)) return moved;
  const change = `allowed skew ${stated(earlier)} → ${stated(later)} seconds`;
  const grows = Number(later) > Number(earlier);
  return [
    ...moved,
    {
      pointer: below(pointer, 'allowedSkewSeconds'),
      change,
      producers: grows ? undefined : 'Records whose clock is ahead by more than that are quarantined now.',
      consumers: grows ? 'Documents can now have event times that lie further ahead.' : undefined,
    },
  ];
};

const deletion = meaning(
  'deletion',
  'Records that meant a deletion no longer do, or others do now.',
  'Documents disappear, or stay, by another mark than before.',
);

/** The media of a block by their pointers. */
function mediaOf(value: Json | undefined): Map<string, JsonObject> {
  const list = Array.isArray(value) ? value.filter(isObject) : [];
  return new Map(list.map((one) => [typeof one['pointer'] === 'string' ? one['pointer'] : '', one]));
}

const media: Change = (from, to, pointer) => {
  const [earlier, later] = [mediaOf(from), mediaOf(to)];
  const findings: Finding[] = [];
  for (const [place, one] of earlier) {
    const partner = later.get(place);
    if (!partner)
      findings.push({
        pointer,
        change: `media ${place} removed`,
        consumers: 'Documents now hold the text itself where they held a reference to a blob.',
      });
    else if (!equal(one, partner))
      findings.push({
        pointer,
        change: `media ${place} ${stated(one['contentType'])} → ${stated(partner['contentType'])}`,
        producers: 'Records whose content is of the former type are quarantined now.',
        consumers: 'References can now lead to content of another type.',
      });
  }
  for (const place of later.keys())
    if (!earlier.has(place))
      findings.push({
        pointer,
        change: `media ${place} added`,
        producers: 'Records whose content is no base64 of this type are quarantined now.',
        consumers: 'Documents now hold a reference to a blob where they held the text itself.',
      });
  return findings;
};

const MEMBERS: Readonly<Record<string, Change>> = { version, key, eventTime, deletion, media };

/** What is said of a text whose place is taken by a reference in the document. */
const OF_TEXTS = new Set([
  'minLength',
  'maxLength',
  'pattern',
  'format',
  'contentEncoding',
  'contentMediaType',
]);

/** Where the schema describes the media that stay media, by the pointers of the records. */
function mediaPlaces(before: JsonObject, after: JsonObject): Set<string> {
  const [earlier, later] = [mediaOf(before['media']), mediaOf(after['media'])];
  const staying = Array.from(later.keys()).filter((pointer) => earlier.has(pointer));
  return new Set(staying.map((pointer) => pointer.replaceAll('/', '/properties/')));
}

/**
 * Compares the `x-headwater` blocks: what a data set's records mean.
 * @returns `concerns`: a finding of the schema itself without what it would do to consumers if its text were not a
 *   reference in the documents
 */
export function compareConfiguration(
  before: Place,
  after: Place,
): { findings: Finding[]; concerns: (finding: Finding) => Finding } {
  const [from, to] = [before, after].map((place) => {
    const block = valueOf(place, 'x-headwater');
    return isObject(block) ? block : {};
  }) as [JsonObject, JsonObject];
  const names = new Set([...Object.keys(from), ...Object.keys(to)]);
  const findings = [...names].flatMap((name) => {
    const pointer = below(BLOCK, name);
    if (equal(from[name], to[name])) return [];
    const change = MEMBERS[name];
    const why = 'there is no rule for this member.';
    return change
      ? change(from[name], to[name], pointer)
      : [undecided(pointer, `${name} ${stated(from[name])} → ${stated(to[name])}`, why)];
  });
  const places = mediaPlaces(from, to);
  const concerns = (finding: Finding): Finding => {
    const end = finding.pointer.lastIndexOf('/');
    const keyword = finding.pointer.slice(end + 1);
    if (!OF_TEXTS.has(keyword) || !places.has(finding.pointer.slice(0, end))) return finding;
    const note = 'The documents hold a reference to a blob in its place.';
    return { ...finding, consumers: undefined, note };
  };
  return { findings, concerns };
}
