import { isUtf8 } from 'node:buffer';
import { random as seeded } from '../../../tools/lib/random';
import { BOM, byteKinds, OVERLONG_UTF8 } from './byte-kinds';
import { csvKinds, LONG_CELL, MANY_COLUMNS } from './csv-kinds';
import { bytesOf, notes, rows, type Format, type Good, type Value } from './good';
import { DEPTHS, jsonKinds, LONG_TEXT, MANY_MEMBERS } from './json-kinds';
import type { Kind } from './kind';
import { JPEG, mediaKinds, pictures } from './media-kinds';
import { measure, parsed } from './meaning';
import { redriveKinds } from './redrive-kinds';
import { operationKinds, patchOf, subscriptionKinds } from './subscription-kinds';

/** Whether spoilt bytes are what the kind's name says. */
type Proof = (spoilt: Buffer, good: Buffer, format: Format) => boolean;

const SEEDS = 12;
const ENOUGH_BYTES = 2_000_000;

const text = (bytes: Buffer): string => bytes.toString('utf8');
const says =
  (pattern: RegExp): Proof =>
  (spoilt) =>
    pattern.test(text(spoilt));

const startsWith = (bytes: Buffer, start: Buffer): boolean => bytes.subarray(0, start.length).equals(start);
const endsWith = (bytes: Buffer, end: Buffer): boolean =>
  bytes.subarray(bytes.length - end.length).equals(end);

function bitsApart(one: Buffer, other: Buffer): number {
  let bits = 0;
  for (const [at, byte] of one.entries())
    for (let left = byte ^ (other[at] ?? 0); left > 0; left &= left - 1) bits++;
  return bits;
}

/** The elements of a JSON body, as far as they are JSON. */
function elements(spoilt: Buffer, format: Format): readonly Value[] {
  const lines = format === 'ndjson' ? text(spoilt).split('\n') : [text(spoilt)];
  const values = lines.flatMap((line) => {
    const value = parsed(line);
    return value === undefined ? [] : [value];
  });
  return format === 'json' ? values.flat() : values;
}

const isJson = (spoilt: Buffer, format: Format): boolean =>
  format === 'ndjson'
    ? text(spoilt)
        .split('\n')
        .every((line) => line.trim() === '' || parsed(line) !== undefined)
    : parsed(text(spoilt)) !== undefined;

const validAnd =
  (pattern: RegExp): Proof =>
  (spoilt, _, format) =>
    isJson(spoilt, format) && pattern.test(text(spoilt));
const brokenAnd =
  (pattern: RegExp): Proof =>
  (spoilt, _, format) =>
    !isJson(spoilt, format) && pattern.test(text(spoilt));

const own = (value: Value, name: string): boolean =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name);

/** Whether some value in the body satisfies a condition. */
const someValue =
  (condition: (value: Value) => boolean): Proof =>
  (spoilt, _, format) => {
    const open = [...elements(spoilt, format)];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (condition(next)) return true;
      if (typeof next === 'object' && next !== null) open.push(...Object.values(next).slice(0, 1000));
    }
    return false;
  };

const isNested: Proof = (spoilt) => {
  const found = text(spoilt).matchAll(/(?:\[\{"":|\{"a":|\[)+/g);
  const opens = Math.max(...Array.from(found, ([run]) => run.replaceAll(/"[^"]*":/g, '').length));
  return opens >= Math.min(...DEPTHS);
};

const linesIn = (spoilt: Buffer): string[] => text(spoilt).split('\n');
const firstLine = (spoilt: Buffer): string => linesIn(spoilt)[0] ?? '';

const PROOFS: Readonly<Record<string, Proof>> = {
  cut: (spoilt, good) => spoilt.length < good.length && startsWith(good, spoilt),
  'cut-in-front': (spoilt, good) => spoilt.length < good.length && endsWith(good, spoilt),
  'bits-flipped': (spoilt, good) => {
    const apart = bitsApart(spoilt, good);
    return spoilt.length === good.length && apart >= 1 && apart <= 8;
  },
  'bytes-overwritten': (spoilt, good) => spoilt.length === good.length && !spoilt.equals(good),
  'piece-doubled': (spoilt, good) => spoilt.length > good.length,
  'piece-removed': (spoilt, good) => spoilt.length < good.length,
  'quote-inserted': (spoilt, good) => text(spoilt).split('"').length > text(good).split('"').length,
  'invalid-utf8': (spoilt) => !isUtf8(spoilt),
  'overlong-utf8': (spoilt) => !isUtf8(spoilt) && OVERLONG_UTF8.some((one) => spoilt.includes(one)),
  'nul-bytes': (spoilt) => spoilt.includes(0),
  'other-charset': (spoilt) => ['fffe', 'feff'].includes(spoilt.toString('hex', 0, 2)),
  latin1: (spoilt) => !isUtf8(spoilt),
  bom: (spoilt, good) => spoilt.equals(Buffer.concat([BOM, good])),
  'bom-twice': (spoilt, good) => spoilt.equals(Buffer.concat([BOM, BOM, good])),
  'bom-inside': (spoilt) => spoilt.indexOf(BOM, 1) > 0,
  crlf: says(/^(?:[^\r\n]|\r\n)+$/),
  'cr-only': says(/^[^\n]*\r$/),
  'garbage-behind': (spoilt, good) => spoilt.length > good.length && startsWith(spoilt, good),
  'garbage-in-front': (spoilt, good) => spoilt.length > good.length && endsWith(spoilt, good),
  empty: (spoilt) => spoilt.length === 0,
  'only-whitespace': (spoilt) => spoilt.length > 0 && text(spoilt).trim() === '',
  'only-bom': (spoilt) => spoilt.equals(BOM),
  noise: (spoilt) => spoilt.length > 0,
  'other-format': (spoilt) => parsed(text(spoilt)) === undefined,
  'across-pieces': (spoilt, good) =>
    endsWith(spoilt, good) &&
    [16, 64].some((kib) => /[\xc0-\xff"\\]/.test(spoilt.toString('latin1', kib * 1024 - 1, kib * 1024))),

  'number-beyond-double': (spoilt, _, format) =>
    isJson(spoilt, format) && elements(spoilt, format).some((value) => !measure(value).finite),
  'number-odd': validAnd(/-0|e-\d|1E5|0\.1{10000}/),
  'number-beyond-exact': someValue((value) => typeof value === 'number' && Math.abs(value) > 2 ** 53 - 1),
  'number-no-json': brokenAnd(/"n":/),
  'member-twice': validAnd(/"(title|flag|n|)":[^\n]*"\1":/),
  'member-prototype': (spoilt, good, format) =>
    someValue((value) =>
      ['__proto__', 'constructor', 'prototype', '__defineGetter__'].some((name) => own(value, name)),
    )(spoilt, good, format) && !('polluted' in {}),
  'member-of-object': someValue((value) =>
    ['hasOwnProperty', 'toString', 'toJSON', 'valueOf', 'then', 'length', 'isPrototypeOf', 'data'].some(
      (name) => own(value, name),
    ),
  ),
  'surrogate-alone': validAnd(/\\u[dD][89a-fA-F]/),
  'control-escaped': validAnd(/\\u00|\\b\\f/),
  'control-raw': (spoilt, _, format) =>
    !isJson(spoilt, format) && ['\0', '\t', '\n', '\u001b'].some((one) => text(spoilt).includes(one)),
  'escape-wrong': brokenAnd(/\\[xu]|"title":"\\/),
  'name-long': someValue(
    (value) =>
      typeof value === 'object' && value !== null && Object.keys(value).some((name) => name.length >= 1025),
  ),
  'name-odd': validAnd(/"":|"\/":|"a\.b"|\$where|" ":|"_ts"|"marker"|"1e3"|\\u202e/),
  'nested-deeply': isNested,
  'members-many': validAnd(new RegExp(`"m${MANY_MEMBERS - 1}":`)),
  'items-many': someValue((value) => Array.isArray(value) && value.length > MANY_MEMBERS),
  'text-long': (spoilt, _, format) => isJson(spoilt, format) && spoilt.length >= LONG_TEXT,
  'text-900-kib': (spoilt) => spoilt.length > 899 * 1024,
  'formula-text': validAnd(/"title":"[=+@]/),
  'time-odd': validAnd(/"updatedAt":/),
  'record-no-object': (spoilt, _, format) =>
    isJson(spoilt, format) && elements(spoilt, format).some((value) => !own(value, 'title')),
  'record-nested': isNested,
  'record-many-members': validAnd(new RegExp(`"m${MANY_MEMBERS - 1}":`)),
  'record-missing': (spoilt, good, format) => elements(spoilt, format).length < elements(good, format).length,
  'record-long-text': (spoilt, _, format) =>
    isJson(spoilt, format) &&
    spoilt.length >= LONG_TEXT &&
    elements(spoilt, format).some((value) => typeof value === 'string'),
  'record-bare-prototype': someValue((value) => own(value, '__proto__') || own(value, 'constructor')),
  'record-beyond-double': (spoilt, _, format) =>
    elements(spoilt, format).some((value) => !measure(value).finite),
  'key-odd': validAnd(/"id":[^\n]*"id":/),
  'key-twice': (spoilt, good, format) =>
    linesIn(spoilt).filter(Boolean).length > linesIn(good).filter(Boolean).length || format === 'csv',
  'records-many': (spoilt, _, format) => elements(spoilt, format).length > 2000,
  'list-empty': says(/^\[\]$/),
  'list-no-list': says(/^\{/),
  'lines-no-lines': brokenAnd(/^\[\n/),
  'object-no-object': (spoilt) => !text(spoilt).startsWith('{'),
  'too-long': (spoilt) => spoilt.length > 5 * 1024 * 1024,

  'csv-quote-unclosed': (spoilt) => text(spoilt).split('"').length % 2 === 0,
  'csv-quote-within': says(/\n(?:[ "]*ab|""",)/),
  'csv-header-only': says(/^id,at,[^\n]*\n$/),
  'csv-no-header': (spoilt) => !text(spoilt).includes('id,at,'),
  'csv-column-twice': (spoilt) => new Set(firstLine(spoilt).split(',')).size === 6,
  'csv-column-unnamed': (spoilt) =>
    firstLine(spoilt)
      .split(',')
      .some((name) => /^[ "]*$/.test(name)),
  'csv-column-prototype': says(/^[^\n]*(__proto__|constructor|prototype|toString|hasOwnProperty)/),
  'csv-column-odd': (spoilt) =>
    firstLine(spoilt).replaceAll(/\b(id|at|text|amount|count|flag|note)\b/g, '') !== ',,,,,,',
  'csv-columns-many': (spoilt) => firstLine(spoilt).split(',').length === MANY_COLUMNS + 7,
  'csv-column-name-long': (spoilt) => firstLine(spoilt).length > 70_000,
  'csv-row-short': says(/\n[0-9a-z-]+\n/),
  'csv-row-long': says(/,x\n/),
  'csv-row-blank': says(/\n\n/),
  'csv-row-commas': says(/\n,,,,,,\n/),
  'csv-rows-blank-many': says(/\n{50000}$/),
  'csv-cell-long': (spoilt) => spoilt.length > LONG_CELL,
  'csv-formula': says(/cmd|HYPERLINK|-1\+1|@SUM|\tx|\rx|%0A/),
  'csv-number-odd': (spoilt, good) => !spoilt.equals(good),
  'csv-integer-odd': (spoilt, good) => !spoilt.equals(good),
  'csv-flag-odd': says(/TRUE|True|,1,|yes|true ,|null|""false""/),
  'csv-time-odd': says(/02-30|05\/01|2999|1767600000|,2026-01-05,|-\d,,/),
  'csv-key-odd': (spoilt, good) => !spoilt.equals(good),
  'csv-line-breaks-quoted': says(/"[^"\n]*(""\n""|[\n\r])/),
  'csv-other-delimiter': says(/^id[;\t|]at[;\t|]/),
  'csv-header-quoted': says(/^"id","at",/),
  'csv-header-spaced': says(/^id, at, /),
  'csv-mixed-ends': (spoilt, good) => text(spoilt).replaceAll('\r\n', '\n') === text(good),
  'csv-across-pieces': (spoilt) =>
    [16, 64].some((kib) => {
      const start = spoilt.indexOf('"a ""quoted"" å,\r\n日本"');
      return start < kib * 1024 && kib * 1024 <= start + 26;
    }),
  'csv-no-line-end': (spoilt) => !text(spoilt).endsWith('\n') && text(spoilt).includes('\r\n'),
  'csv-rows-many': (spoilt) => linesIn(spoilt).length > 2001,
  'csv-too-long': (spoilt) => spoilt.length > 5 * 1024 * 1024,

  'media-whole': (spoilt) => images(spoilt).every((image) => startsWith(Buffer.from(image, 'base64'), JPEG)),
  'media-data-url': says(/"data:image\/jpeg;base64,\/9j\//),
  'media-large': (spoilt) => spoilt.length > 2_000_000,
  'media-other-type': (spoilt) =>
    images(spoilt).some((image) => /^[A-Za-z0-9+/=]+$/.test(image) && !image.startsWith('/9j/')),
  'media-data-url-other-type': (spoilt) =>
    images(spoilt).some((image) => /^(data:(?!image\/jpeg;base64,)|https:)/.test(image)),
  'media-padding-wrong': (spoilt) => images(spoilt).some((image) => /(?:===|=x|=A=)$/.test(image)),
  'media-padding-missing': (spoilt) => images(spoilt).some((image) => image.length % 4 !== 0),
  'media-url-safe': (spoilt) => images(spoilt).some((image) => /[-_]/.test(image)),
  'media-whitespace': (spoilt) => images(spoilt).some((image) => /[\s\0]/.test(image)),
  'media-no-base64': (spoilt) =>
    images(spoilt).some(
      (image) => !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(image),
    ),
  'media-empty': (spoilt) => images(spoilt).includes(''),
  'media-no-text': says(/"image":(?:5|true|\[|\{)/),

  'index-outside': says(/"index":(?:-1|1000000|9007199254740991|9007199254740992|1e\+300)/),
  'index-no-index': says(/"index":(?:1\.5|"|null|true|\[|\{)/),
  'index-landed': says(/"index":0/),
  'index-missing': says(/\{"record"/),
  'record-missing-in-item': says(/\{"index":\d+\}/),
  'record-of-item-odd': says(/"record":(?:null|5|"text"|\[\]|\{\}|true)/),
  'item-with-more': says(/"verdict":"quarantined"/),
  'index-twice': (spoilt) => (text(spoilt).match(/"index":1\b/g) ?? []).length === 2,

  'url-odd': validAnd(/"(?:url|alertUrl)":/),
  'member-type': validAnd(/"(?:datasets|rateLimit|maxInFlight|description|secret)":/),
  'member-unknown': validAnd(/"(?:status|id|tokenHash|terms|x|token)":/),
  'filter-no-filter': validAnd(/"filter":/),
  'filter-operator': validAnd(/"filter":\{.*"\$/),
  'filter-path': validAnd(/"filter":\{/),
  'filter-large': (spoilt) => isNested(spoilt, spoilt, 'object') || spoilt.length > 80,
  'filter-value': validAnd(/"filter":\{"a":/),
  'operation-key': validAnd(/"key":/),
  'operation-since': validAnd(/"since":/),
  'operation-member': validAnd(/"(?:fromBeginning|dataset|overlapSeconds|token)":/),
};

const images = (spoilt: Buffer): string[] =>
  text(spoilt)
    .split('\n')
    .flatMap((line) => {
      const record = parsed(line.replace(/,$/, '')) as { image?: unknown } | undefined;
      return typeof record?.image === 'string' ? [record.image] : [];
    });

const KINDS: readonly Kind[] = [
  ...byteKinds,
  ...jsonKinds,
  ...csvKinds,
  ...mediaKinds,
  ...redriveKinds,
  ...subscriptionKinds,
  ...operationKinds,
];

function goodFor(kind: Kind, format: Format, seed: number): Good {
  const random = seeded(seed);
  const tag = `tag${seed}`;
  const records = mediaKinds.includes(kind)
    ? pictures(tag, 3)
    : redriveKinds.includes(kind)
      ? notes(tag, 3, random).map((record, at) => ({ index: at + 1, record }))
      : format === 'csv'
        ? rows(tag, 3, random)
        : format === 'object'
          ? [{ ...notes(tag, 1, random)[0], ...patchOf(tag, random) }]
          : notes(tag, 3, random);
  return { format, dataset: 'notes', tag, records };
}

const CASES = [...new Map(KINDS.map((kind) => [kind.name, kind])).values()].flatMap((kind) =>
  kind.formats.map((format) => [kind.name, format, kind] as const),
);

test('every kind has a proof, and every proof a kind', () => {
  expect(Object.keys(PROOFS).toSorted()).toEqual([...new Set(KINDS.map(({ name }) => name))].toSorted());
});

test.each(CASES)('%s (%s) is what its name says, and the same for the same seed', (name, format, kind) => {
  // Of large bodies two are enough.
  for (let seed = 0, bytes = 0; seed < SEEDS && bytes < ENOUGH_BYTES; seed++) {
    const good = goodFor(kind, format, seed);
    const spoilt = kind.make(good, seeded(seed));
    expect(kind.make(good, seeded(seed)).equals(spoilt)).toBe(true);
    bytes += spoilt.length;
    const isProven = PROOFS[name]?.(spoilt, bytesOf(good), format);
    if (!isProven) throw new Error(`seed ${seed}: ${text(spoilt).slice(0, 600)}`);
  }
});
