/** JSON spoilt where a parser, a prototype, a path or a store may trip: members put into a record, or records themselves. */
import type { Random } from '../../../tools/lib/random';
import { elementsOf, joined, type Good } from './good';
import { JSON_FORMATS, kindsOf, LISTS, type Kind } from './kind';

type Text = (random: Random) => string;

const of =
  (...texts: readonly string[]): Text =>
  (random) =>
    random.pick(texts);

/** Levels around the bounds that are told: of filters, of records, of Cosmos DB, of what is read at all; and far beyond. */
export const DEPTHS = [50, 98, 99, 100, 101, 127, 128, 129, 500, 998, 1000, 1002, 5000, 20_000, 200_000];

export const MANY_MEMBERS = 100_000;
export const LONG_TEXT = 2 * 1024 * 1024;

function nested(random: Random): string {
  const depth = random.pick(DEPTHS);
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"":', '}]'],
    // Never closed: what is cut by brackets must not be searched for its end for ever.
    ['[', ''],
    ['{"a":', ''],
  ] as const);
  return open.repeat(depth) + (close === '' ? '' : '1') + close.repeat(depth);
}

const manyMembers = (): string =>
  `{${Array.from({ length: MANY_MEMBERS }, (_, at) => `"m${at}":${at % 10}`).join(',')}}`;

const longText = (random: Random): string => {
  const character = random.pick(['x', 'å', '\\n', '\\u0000', '\\"']);
  return `"${character.repeat(Math.ceil(LONG_TEXT / Buffer.byteLength(character)))}"`;
};

/** Members by what is wrong with them, written as they stand in the body. */
const MEMBERS: Readonly<Record<string, Text>> = {
  'number-beyond-double': of(
    '"n":1e999',
    '"n":-1e999',
    '"n":1e309',
    `"n":${'9'.repeat(400)}`,
    '"n":[[{"m":1E+400}]]',
  ),
  'number-odd': of(
    '"n":-0',
    '"n":1e-400',
    '"n":-0.0e-5',
    '"n":5e-324',
    '"n":1E5',
    `"n":0.${'1'.repeat(10_000)}`,
  ),
  'number-beyond-exact': of('"n":9223372036854775808', '"n":18446744073709551616', '"n":9007199254740993'),
  'number-no-json': of(
    '"n":01',
    '"n":+1',
    '"n":.5',
    '"n":1.',
    '"n":0x10',
    '"n":NaN',
    '"n":-Infinity',
    '"n":1_000',
  ),
  'member-twice': of(
    '"title":"first","title":"second"',
    '"flag":1,"flag":{}',
    '"":1,"":2',
    `${'"n":0,'.repeat(1000)}"n":1`,
  ),
  'member-prototype': of(
    '"__proto__":{"polluted":true}',
    '"__proto__":null',
    '"__proto__":{"id":"inherited","path":"x","toJSON":1}',
    '"constructor":{"prototype":{"polluted":true}}',
    '"nested":{"__proto__":{"polluted":true},"constructor":1}',
    '"\\u005f_proto__":{"polluted":true}',
    '"prototype":{"polluted":true}',
    '"__proto__":{"__proto__":{"polluted":true}}',
    '"__defineGetter__":1,"__lookupSetter__":"x"',
  ),
  'member-of-object': of(
    '"hasOwnProperty":1',
    '"toString":"x"',
    '"toJSON":{"a":1}',
    '"valueOf":null',
    '"then":"x"',
    '"length":-1',
    '"isPrototypeOf":[]',
    '"type":"Buffer","data":[1,2,3]',
  ),
  'surrogate-alone': of(
    '"title":"\\ud800"',
    '"title":"\\udc00 before \\ud83d"',
    '"\\udfff":1',
    '"title":"\\ude00\\ud83d"',
    '"tags":["a","\\uDBFF"]',
  ),
  'control-escaped': of(
    '"a\\u0000b":"\\u0000"',
    '"title":"\\u0001\\u001f\\u007f\\u0085"',
    '"\\b\\f\\t":"\\u2028\\u2029"',
    '"\\u0000":{"\\u0000":null}',
  ),
  'control-raw': of('"title":"a\nb"', '"title":"a\u0000b"', '"ti\ttle":1', '"title":"\u001b[31m"'),
  'escape-wrong': of('"title":"\\x41"', '"title":"\\u12"', '"title":"\\', '"title":"\\u{41}"'),
  'name-long': (random) =>
    `"${random.pick(['k', '/', '~', '日']).repeat(random.pick([1025, 65_536, 400_000]))}":1`,
  'name-odd': of(
    '"":{"":{"":0}}',
    '"/":1,"~":2,"~1":3,"a/b":4',
    '"a.b":{"c.d":1}',
    '"$where":"sleep(10000)","$ref":"#","$schema":"x","$id":"y"',
    '" ":1,"\\n":2,"id ":"x","ID":"y"',
    '"pk":"x","_ts":0,"_etag":"x","ttl":1,"_rid":"x","_self":"x","_hw":{"deleted":true,"version":9}',
    '"type":"marker","verdicts":[]',
    '"0":"zero","-1":1,"1e3":2',
    '"\\u202e":"\\u200b\\ufeff"',
  ),
  'nested-deeply': (random) => `"deep":${nested(random)}`,
  'members-many': () => `"many":${manyMembers()}`,
  'items-many': of(`"many":[${'null,'.repeat(MANY_MEMBERS)}0]`, `"tags":[${'"a",'.repeat(MANY_MEMBERS)}"a"]`),
  'text-long': (random) => `"title":${longText(random)}`,
  'text-900-kib': (random) => `"title":"${'x'.repeat(900 * 1024 - random.integer(0, 600))}"`,
  'formula-text': of(
    `"title":"=cmd|' /C calc'!A0"`,
    '"title":"+1+1"',
    '"title":"@SUM(A1)"',
    '"title":"=HYPERLINK(\\"http://x/\\")"',
  ),
  'time-odd': of(
    '"updatedAt":"+275760-09-13T00:00:00Z"',
    '"updatedAt":"0000-01-01T00:00:00Z"',
    '"updatedAt":"2026-01-05T23:59:60Z"',
    '"updatedAt":"2026-02-30T00:00:00Z"',
    '"updatedAt":1e300',
    '"updatedAt":"2999-01-01T00:00:00Z"',
    '"updatedAt":"2026-01-05T00:00:00.1234567890123456789Z"',
    '"updatedAt":{"$date":0}',
  ),
};

/** Keys that are no text, that a path, a URL or an item's id cannot hold as they are, or that are names of prototypes. */
const KEYS: readonly string[] = [
  '""',
  '"."',
  '".."',
  '"a/../b"',
  '"a\\\\b"',
  '"?#%2F&="',
  '"\\u0000"',
  '"%"',
  '"__proto__"',
  '"constructor"',
  '" leading and trailing "',
  '"=h0"',
  '"x:0:0"',
  '"👩‍👩‍👧/日本"',
  '"\\ud800"',
  `"${'k'.repeat(2048)}"`,
  `"${'k'.repeat(2049)}"`,
  `"${'å'.repeat(1000)}"`,
  '1',
  '-0',
  '1.5',
  '1e21',
  '9007199254740993',
  'true',
  'null',
  '{}',
  '["a"]',
];

/** What stands in the place of a record. */
const ELEMENTS: Readonly<Record<string, Text>> = {
  'record-no-object': of('null', '5', '"text"', 'true', '[]', '[[]]', '{}', '-0', '""', '[{"id":"x"}]'),
  'record-nested': nested,
  'record-many-members': manyMembers,
  'record-missing': of('', ' ', ',', ', ,'),
  'record-long-text': longText,
  'record-bare-prototype': of(
    '{"__proto__":{"id":"inherited","polluted":true}}',
    '{"constructor":null}',
    '{"__proto__":[]}',
  ),
  'record-beyond-double': of('1e999', '[-1e999]'),
};

/** One record's text replaced by what `change` makes of it. */
function oneChanged(good: Good, random: Random, change: (text: string) => string): Buffer {
  const elements = elementsOf(good);
  const at = random.integer(0, elements.length - 1);
  elements[at] = change(elements[at] ?? '{}');
  return joined(good.format, elements);
}

/** Puts members into an object: at its end, where they win over others of their name, or at its beginning. */
export function withMember(object: string, member: string, last: boolean): string {
  if (object === '{}') return `{${member}}`;
  return last ? `${object.slice(0, -1)},${member}}` : `{${member},${object.slice(1)}`;
}

const withOneMember = (text: Text, good: Good, random: Random): Buffer => {
  const member = text(random);
  return oneChanged(good, random, (object) => withMember(object, member, random.next() < 0.7));
};

/** The key of the data set that the records are made for. */
const keyName = ({ records: [first] }: Good): string =>
  first && 'productId' in first ? 'productId' : first && 'path' in first ? 'path' : 'id';

function keyTwice(good: Good, random: Random): Buffer {
  const elements = elementsOf(good);
  const again = random.pick(elements);
  return joined(good.format, [...elements, ...Array.from({ length: random.integer(1, 3) }, () => again)]);
}

export const MANY_RECORDS = 5000;

/** Drawn more often than others: what gets past these stays in the process, for everybody who comes later. */
const prototypeKinds = kindsOf(
  JSON_FORMATS,
  { 'member-prototype': MEMBERS['member-prototype'] as Text },
  withOneMember,
);

export const jsonKinds: readonly Kind[] = [
  ...prototypeKinds,
  ...prototypeKinds,
  ...kindsOf(JSON_FORMATS, MEMBERS, withOneMember),
  ...kindsOf(['json', 'ndjson'], ELEMENTS, (text, good, random) =>
    oneChanged(good, random, () => text(random)),
  ),
  {
    name: 'key-odd',
    formats: ['json', 'ndjson'],
    make: (good, random) => withOneMember(() => `"${keyName(good)}":${random.pick(KEYS)}`, good, random),
  },
  { name: 'key-twice', formats: LISTS, make: keyTwice },
  {
    name: 'records-many',
    formats: ['json', 'ndjson'],
    make: ({ format }, random) =>
      joined(
        format,
        Array.from({ length: random.pick([2001, MANY_RECORDS]) }, () => '1'),
      ),
  },
  { name: 'list-empty', formats: ['json'], make: () => Buffer.from('[]') },
  { name: 'list-no-list', formats: ['json'], make: (good) => joined('ndjson', elementsOf(good)) },
  {
    name: 'lines-no-lines',
    formats: ['ndjson'],
    make: ({ records }) => Buffer.from(JSON.stringify(records, undefined, 2)),
  },
  {
    name: 'object-no-object',
    formats: ['object'],
    make: (good, random) => Buffer.from(random.pick(['[]', 'null', '1', '"x"', `[${elementsOf(good)[0]}]`])),
  },
  {
    // Beyond what a batch or a request may be long; the blanks before the end do not change what it says.
    name: 'too-long',
    formats: JSON_FORMATS,
    make: (good) =>
      Buffer.concat([Buffer.alloc(5 * 1024 * 1024, ' '), joined(good.format, elementsOf(good))]),
  },
];
