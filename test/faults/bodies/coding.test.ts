import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { random as seeded } from '../../../tools/lib/random';
import { BOMB_BYTES, codingKinds, type Coded, type Coding } from './coding-kinds';

/** Whether a coded body is what the kind's name says. */
type Proof = (coded: Coded, plain: Buffer, coding: Coding) => boolean;

function decoded(bytes: Buffer, coding: string | undefined): Buffer | undefined {
  try {
    return coding === 'gzip' ? gunzipSync(bytes) : brotliDecompressSync(bytes);
  } catch {
    return undefined;
  }
}

const isWhole: Proof = ({ bytes }, plain, coding) => decoded(bytes, coding)?.equals(plain) === true;
const isBroken: Proof = ({ bytes, contentEncoding }) => decoded(bytes, contentEncoding) === undefined;

const PROOFS: Readonly<Record<string, Proof>> = {
  whole: (coded, plain, coding) => coded.contentEncoding === coding && isWhole(coded, plain, coding),
  'coded-cut': isBroken,
  // Some bits of a header mean nothing, and a stream of br has no checksum.
  'coded-bit-flipped': ({ bytes, contentEncoding }, plain, coding) =>
    contentEncoding === coding && !bytes.equals(plain),
  'coded-garbage-behind': ({ bytes }, plain, coding) =>
    [7, 9, 2, 1].some((more) => decoded(bytes.subarray(0, -more), coding)?.equals(plain)),
  'coded-in-parts': ({ bytes }, plain, coding) => {
    const all = decoded(bytes, coding);
    return coding === 'gzip'
      ? all?.equals(plain) === true
      : all?.equals(plain.subarray(0, plain.length >> 1)) === true;
  },
  'coded-bomb': ({ bytes }, _, coding) =>
    bytes.length < BOMB_BYTES / 500 && decoded(bytes, coding)?.length === BOMB_BYTES,
  'coded-nothing': ({ bytes }, _, coding) => decoded(bytes, coding)?.length === 0,
  'coded-empty': ({ bytes }) => bytes.length === 0,
  'coded-header-only': isBroken,
  'coded-checksum-wrong': (coded, plain, coding) =>
    coded.contentEncoding === 'gzip' && coded.bytes.length > 18 && isBroken(coded, plain, coding),
  'coded-twice': ({ bytes }, plain, coding) =>
    decoded(decoded(bytes, coding) ?? Buffer.alloc(0), coding)?.equals(plain) === true,
  'coding-other': (coded, plain, coding) => isBroken(coded, plain, coding) && isWhole(coded, plain, coding),
  'coding-not-named': (coded, plain, coding) =>
    isWhole(coded, plain, coding) && [undefined, 'identity'].includes(coded.contentEncoding),
  'coding-of-plain': ({ bytes, contentEncoding }, plain, coding) =>
    bytes.equals(plain) && contentEncoding === coding,
  'coding-unknown': ({ contentEncoding = '' }) => !/gzip|br|identity/.test(contentEncoding),
  'coding-in-capitals': ({ contentEncoding }, _, coding) => contentEncoding === ` ${coding.toUpperCase()} `,
  'coding-with-more': ({ contentEncoding = '' }) => /[;,-]/.test(contentEncoding),
};

const PLAIN = Buffer.from('[{"id":"a","title":"Ärende"},\n{"id":"b","title":"plain text, plain text"}]');

test('every kind of coding has a proof, and every proof a kind', () => {
  expect(Object.keys(PROOFS)).toEqual(codingKinds.map(({ name }) => name));
});

describe.each(['gzip', 'br'] as const)('%s', (coding) => {
  test.each(codingKinds)('$name is what its name says, and the same for the same seed', (kind) => {
    for (let seed = 0; seed < (kind.name === 'coded-bomb' ? 1 : 12); seed++) {
      const coded = kind.make(PLAIN, coding, seeded(seed));
      expect(kind.make(PLAIN, coding, seeded(seed))).toEqual(coded);
      if (!PROOFS[kind.name]?.(coded, PLAIN, coding))
        throw new Error(`seed ${seed}: ${JSON.stringify(coded)}`);
    }
  });
});
