/** Bodies spoilt without a look at what they say: by bytes, or by how characters are written. */
import type { Random } from '../../../tools/lib/random';
import { bytesOf, type Good } from './good';
import { ALL_FORMATS, inserted, JSON_FORMATS, kindsOf, type Kind } from './kind';

type Spoil = (bytes: Buffer, random: Random) => Buffer;

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** Sequences that are no UTF-8 (https://www.rfc-editor.org/rfc/rfc3629#section-3): cut short, surrogates, beyond U+10FFFF. */
export const INVALID_UTF8 = [
  'ff',
  'c3 28',
  'e2 82',
  'f0 9f 98',
  'ed a0 80',
  'ed bf bf',
  'f4 90 80 80',
  '80',
].map(hex);

/** Characters written with more bytes than they need: NUL, a quote, a slash, a dot, a bracket. */
export const OVERLONG_UTF8 = ['c0 80', 'c0 a2', 'e0 80 af', 'f0 80 80 ae', 'c1 9b'].map(hex);

export const BOM = hex('ef bb bf');

/** Streams are read in pieces of these sizes (bytes): Node's own, and that of files and blobs. */
const PIECES = [16 * 1024, 64 * 1024];

const place = (bytes: Buffer, random: Random): number => random.integer(0, Math.max(0, bytes.length - 1));

function flipped(bytes: Buffer, random: Random, flips: number): Buffer {
  const copy = Buffer.from(bytes);
  // Each in a byte of its own: two flips of one bit would change nothing.
  const places = new Set(Array.from({ length: flips }, () => place(copy, random)));
  for (const at of places) copy[at] = (copy[at] ?? 0) ^ (1 << random.integer(0, 7));
  return copy;
}

function piece(bytes: Buffer, random: Random): { start: number; end: number } {
  const start = place(bytes, random);
  return { start, end: Math.min(bytes.length, start + random.integer(1, 40)) };
}

/** Each character by its code in so many bytes; those beyond the Basic Multilingual Plane as two. */
const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le');

function otherCharset(bytes: Buffer, random: Random): Buffer {
  const text = bytes.toString('utf8');
  const little = Buffer.concat([hex('ff fe'), utf16(text)]);
  const utf32 = Buffer.concat(
    Array.from(text, (one) => Buffer.from(Uint32Array.of(one.codePointAt(0) ?? 0).buffer)),
  );
  return random.pick([little, Buffer.from(little).swap16(), Buffer.concat([hex('ff fe 00 00'), utf32])]);
}

const spread = (bytes: Buffer, random: Random, pieces: readonly Buffer[], most: number): Buffer => {
  let spoilt = bytes;
  for (let left = random.integer(1, most); left > 0; left--)
    spoilt = inserted(spoilt, random.integer(0, spoilt.length), random.pick(pieces));
  return spoilt;
};

const WHITESPACE = [' ', '\n', '\r\n', '\t', '\u00a0', '\ufeff', ' \n \n', '\n\n\n'];
const GARBAGE = [']', '}', ',', '\0\0', '\x1a', '"', 'x', '[]', '{}', '\n]\n', '<!-- -->', '\u2028', '/* */'];
const OTHER = [
  '<!doctype html><html><body>502 Bad Gateway</body></html>',
  '<?xml version="1.0"?><records><record/></records>',
  'id=1&title=x%00&__proto__[polluted]=1',
  '--boundary\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--boundary--\r\n',
  'undefined',
  'NaN',
  "{'id': 'single quotes'}",
  '{id: 1}',
  '%PDF-1.7',
  'PK\u0003\u0004',
];

const BYTES: Readonly<Record<string, Spoil>> = {
  cut: (bytes, random) => bytes.subarray(0, random.integer(1, bytes.length - 1)),
  'cut-in-front': (bytes, random) => bytes.subarray(random.integer(1, bytes.length - 1)),
  'bits-flipped': (bytes, random) => flipped(bytes, random, random.integer(1, 8)),
  'bytes-overwritten': (bytes, random) => {
    const { start, end } = piece(bytes, random);
    const noise = Buffer.from(Array.from({ length: end - start }, () => random.integer(0, 255)));
    return Buffer.concat([bytes.subarray(0, start), noise, bytes.subarray(end)]);
  },
  'piece-doubled': (bytes, random) => {
    const { start, end } = piece(bytes, random);
    return inserted(bytes, end, bytes.subarray(start, end));
  },
  'piece-removed': (bytes, random) => {
    const { start, end } = piece(bytes, random);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  },
  'quote-inserted': (bytes, random) => spread(bytes, random, [Buffer.from('"')], 3),
  'invalid-utf8': (bytes, random) => spread(bytes, random, INVALID_UTF8, 3),
  'overlong-utf8': (bytes, random) => spread(bytes, random, OVERLONG_UTF8, 3),
  'nul-bytes': (bytes, random) => spread(bytes, random, [Buffer.alloc(1), Buffer.alloc(7)], 3),
  'other-charset': otherCharset,
  latin1: (bytes) => Buffer.from(`${bytes.toString('utf8')}å`, 'latin1'),
  bom: (bytes) => Buffer.concat([BOM, bytes]),
  'bom-twice': (bytes) => Buffer.concat([BOM, BOM, bytes]),
  'bom-inside': (bytes, random) => inserted(bytes, random.integer(1, bytes.length - 1), BOM),
  crlf: (bytes) => Buffer.from(`${bytes.toString('utf8').replaceAll('\n', '\r\n')}\r\n`),
  'cr-only': (bytes) => Buffer.from(`${bytes.toString('utf8').replaceAll('\n', '\r')}\r`),
  'garbage-behind': (bytes, random) => Buffer.concat([bytes, Buffer.from(random.pick(GARBAGE))]),
  'garbage-in-front': (bytes, random) => Buffer.concat([Buffer.from(random.pick(GARBAGE)), bytes]),
  empty: () => Buffer.alloc(0),
  'only-whitespace': (_, random) =>
    Buffer.from(random.pick(WHITESPACE).repeat(random.pick([1, 2, 1000, 40_000]))),
  'only-bom': () => BOM,
  noise: (_, random) =>
    Buffer.from(Array.from({ length: random.integer(1, 3000) }, () => random.integer(0, 255))),
  'other-format': (_, random) => Buffer.from(random.pick(OTHER)),
};

/** Blanks in front of JSON, so that a character or a quote lies across the border of two pieces of a stream. */
function straddling(bytes: Buffer, random: Random): Buffer {
  const targets = [...bytes.keys()].filter(
    (at) => (bytes[at] ?? 0) >= 0xc0 || bytes[at] === 0x22 || bytes[at] === 0x5c,
  );
  const target = targets.length > 0 ? random.pick(targets) : 0;
  const border = random.pick(PIECES);
  // Its first byte is the last one before the border.
  const blanks = (((border - 1 - target) % border) + border) % border;
  return Buffer.concat([Buffer.alloc(blanks, '\n'), bytes]);
}

/** Kinds that work on any bytes; also used on what another kind has spoilt. */
export const byteSpoilers: readonly { readonly name: string; readonly spoil: Spoil }[] = [
  'cut',
  'bits-flipped',
  'quote-inserted',
  'invalid-utf8',
  'nul-bytes',
  'bom',
  'crlf',
  'garbage-behind',
].map((name) => ({ name, spoil: BYTES[name] as Spoil }));

export const byteKinds: readonly Kind[] = [
  ...kindsOf(ALL_FORMATS, BYTES, (spoil, good: Good, random) => spoil(bytesOf(good), random)),
  { name: 'across-pieces', formats: JSON_FORMATS, make: (good, random) => straddling(bytesOf(good), random) },
];
