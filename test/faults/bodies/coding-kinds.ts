/** Compressed bodies, whole and spoilt, and headers that say something else than the bytes are. */
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { Random } from '../../../tools/lib/random';

export interface Coded {
  readonly bytes: Buffer;
  /** undefined: the request has no such header */
  readonly contentEncoding: string | undefined;
}

export type Coding = 'gzip' | 'br';

/** One way to send plain bytes compressed. */
export interface CodingKind {
  readonly name: string;
  make(plain: Buffer, coding: Coding, random: Random): Coded;
}

/** What a bomb expands to: many times what a batch may be long, from a few kilobytes. */
export const BOMB_BYTES = 64 * 1024 * 1024;

/** Fast, since the bytes are small and the work is not what is looked at. */
const QUICK = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

const compressed = (plain: Buffer, coding: Coding): Buffer =>
  coding === 'gzip' ? gzipSync(plain) : brotliCompressSync(plain, QUICK);

const bombs = new Map<Coding, Buffer>();

function bomb(coding: Coding): Buffer {
  let made = bombs.get(coding);
  if (!made) bombs.set(coding, (made = compressed(Buffer.alloc(BOMB_BYTES, ' '), coding)));
  return made;
}

type Make = (plain: Buffer, coding: Coding, random: Random) => Buffer | Coded;

const named = (bytes: Buffer, contentEncoding: string | undefined): Coded => ({ bytes, contentEncoding });

const CODED: Readonly<Record<string, Make>> = {
  whole: compressed,
  'coded-cut': (plain, coding, random) => {
    const bytes = compressed(plain, coding);
    return bytes.subarray(0, random.integer(1, bytes.length - 1));
  },
  'coded-bit-flipped': (plain, coding, random) => {
    const bytes = compressed(plain, coding);
    const at = random.integer(0, bytes.length - 1);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(0, 7));
    return bytes;
  },
  'coded-garbage-behind': (plain, coding, random) =>
    Buffer.concat([
      compressed(plain, coding),
      random.pick([Buffer.from('garbage'), Buffer.alloc(9), Buffer.from([0x1f, 0x8b]), Buffer.from('\n')]),
    ]),
  // Members follow each other in gzip (https://www.rfc-editor.org/rfc/rfc1952#section-2.2); in br they do not.
  'coded-in-parts': (plain, coding) => {
    const half = plain.length >> 1;
    return Buffer.concat([
      compressed(plain.subarray(0, half), coding),
      compressed(plain.subarray(half), coding),
    ]);
  },
  'coded-bomb': (_, coding) => bomb(coding),
  'coded-nothing': (_, coding) => compressed(Buffer.alloc(0), coding),
  'coded-empty': () => Buffer.alloc(0),
  'coded-header-only': (plain, coding) => compressed(plain, coding).subarray(0, coding === 'gzip' ? 10 : 1),
  'coded-checksum-wrong': (plain) => {
    const bytes = gzipSync(plain);
    const at = bytes.length - 8;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return named(bytes, 'gzip');
  },
  'coded-twice': (plain, coding, random) =>
    named(compressed(compressed(plain, coding), coding), random.pick([coding, `${coding}, ${coding}`])),
  'coding-other': (plain, coding) => named(compressed(plain, coding), coding === 'gzip' ? 'br' : 'gzip'),
  'coding-not-named': (plain, coding, random) =>
    named(compressed(plain, coding), random.pick([undefined, 'identity'])),
  'coding-of-plain': (plain, coding) => named(plain, coding),
  'coding-unknown': (plain, coding, random) =>
    random.pick([
      named(deflateSync(plain), 'deflate'),
      named(zstdCompressSync(plain), 'zstd'),
      named(compressed(plain, coding), 'compress'),
      named(plain, 'constructor'),
      named(plain, '__proto__'),
      named(plain, '*'),
    ]),
  // Names of codings are case-insensitive (https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1).
  'coding-in-capitals': (plain, coding) => named(compressed(plain, coding), ` ${coding.toUpperCase()} `),
  'coding-with-more': (plain, coding, random) =>
    named(
      compressed(plain, coding),
      random.pick([`${coding};q=1`, `identity, ${coding}`, `${coding},`, `x-${coding}`]),
    ),
};

export const codingKinds: readonly CodingKind[] = Object.entries(CODED).map(([name, make]) => ({
  name,
  make: (plain, coding, random) => {
    const made = make(plain, coding, random);
    return Buffer.isBuffer(made) ? named(made, coding) : made;
  },
}));

/** Content types that are none of those a door takes, or take another look at the same bytes. */
export const CONTENT_TYPES: readonly (string | undefined)[] = [
  undefined,
  'text/plain',
  'application/json; charset=utf-16',
  'APPLICATION/JSON',
  ' application/x-ndjson ; q=1',
  'application/xml',
  'text/csv',
  'application/x-ndjson',
  'application/json',
  'application/jsonl',
  'application/merge-patch+json',
  'multipart/form-data; boundary=x',
  'constructor',
  '__proto__',
  ';',
  'application/json, text/csv',
  `application/${'x'.repeat(8000)}`,
];
