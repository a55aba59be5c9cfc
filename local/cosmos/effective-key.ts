import type { KeyComponent, PartitionKey, PartitionKeyDefinition } from './partition-key';

/** Exclusive upper bound of all effective partition keys. */
export const MAX_EFFECTIVE_KEY = 'FF';

const MASK = (1n << 64n) - 1n;
const C1 = 0x87c37b91114253d5n;
const C2 = 0x4cf5ad432745937fn;

const rotate = (value: bigint, by: bigint): bigint => ((value << by) | (value >> (64n - by))) & MASK;

function mix(value: bigint): bigint {
  let h = value;
  h ^= h >> 33n;
  h = (h * 0xff51afd7ed558ccdn) & MASK;
  h ^= h >> 33n;
  h = (h * 0xc4ceb9fe1a85ec53n) & MASK;
  return h ^ (h >> 33n);
}

/** MurmurHash3 x64 128 with seed 0 (https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp). */
export function murmur128(data: Buffer): [bigint, bigint] {
  let h1 = 0n;
  let h2 = 0n;
  const blocks = data.length >>> 4;
  for (let block = 0; block < blocks; block++) {
    const k1 = data.readBigUInt64LE(block * 16);
    const k2 = data.readBigUInt64LE(block * 16 + 8);
    h1 ^= (rotate((k1 * C1) & MASK, 31n) * C2) & MASK;
    h1 = ((rotate(h1, 27n) + h2) * 5n + 0x52dce729n) & MASK;
    h2 ^= (rotate((k2 * C2) & MASK, 33n) * C1) & MASK;
    h2 = ((rotate(h2, 31n) + h1) * 5n + 0x38495ab5n) & MASK;
  }
  const tail = Buffer.alloc(16);
  data.copy(tail, 0, blocks * 16);
  h2 ^= (rotate((tail.readBigUInt64LE(8) * C2) & MASK, 33n) * C1) & MASK;
  h1 ^= (rotate((tail.readBigUInt64LE(0) * C1) & MASK, 31n) * C2) & MASK;
  h1 ^= BigInt(data.length);
  h2 ^= BigInt(data.length);
  h1 = (h1 + h2) & MASK;
  h2 = (h2 + h1) & MASK;
  h1 = mix(h1);
  h2 = mix(h2);
  h1 = (h1 + h2) & MASK;
  h2 = (h2 + h1) & MASK;
  return [h1, h2];
}

const multiply32 = Math.imul;
const rotate32 = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

/** MurmurHash3 x86 32 with seed 0. */
export function murmur32(data: Buffer): number {
  let h = 0;
  const blocks = data.length >>> 2;
  for (let block = 0; block <= blocks; block++) {
    let k = 0;
    if (block < blocks) k = data.readInt32LE(block * 4);
    else for (let i = data.length - 1; i >= blocks * 4; i--) k = (k << 8) | (data[i] ?? 0);
    if (block === blocks && data.length % 4 === 0) break;
    h ^= multiply32(rotate32(multiply32(k, 0xcc9e2d51), 15), 0x1b873593);
    if (block < blocks) h = (multiply32(rotate32(h, 13), 5) + 0xe6546b64) | 0;
  }
  h ^= data.length;
  h = multiply32(h ^ (h >>> 16), 0x85ebca6b);
  h = multiply32(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

// Type prefixes of the binary encoding that the service and its SDKs hash.
const PREFIX = { undefined: 0x00, null: 0x01, false: 0x02, true: 0x03, number: 0x05, string: 0x08 } as const;
const STRING_END_V2 = 0xff;
const STRING_END_V1 = 0x00;
const V1_MAX_STRING = 100;

function hashInput(value: KeyComponent, version: 1 | 2): Buffer {
  if (typeof value === 'string') {
    const text = version === 1 ? value.slice(0, V1_MAX_STRING) : value;
    const end = version === 1 ? STRING_END_V1 : STRING_END_V2;
    return Buffer.concat([Buffer.of(PREFIX.string), Buffer.from(text, 'utf8'), Buffer.of(end)]);
  }
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(9);
    bytes[0] = PREFIX.number;
    bytes.writeDoubleLE(value, 1);
    return bytes;
  }
  if (typeof value === 'boolean') return Buffer.of(value ? PREFIX.true : PREFIX.false);
  return Buffer.of(value === null ? PREFIX.null : PREFIX.undefined);
}

function hashV2(components: PartitionKey): string {
  const [h1, h2] = murmur128(Buffer.concat(components.map((component) => hashInput(component, 2))));
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64BE(h2, 0);
  bytes.writeBigUInt64BE(h1, 8);
  // The two top bits are kept free, so that "FF" lies above every key.
  bytes[0] = (bytes[0] ?? 0) & 0x3f;
  return bytes.toString('hex').toUpperCase();
}

function encodeNumber(value: number): number[] {
  const raw = Buffer.alloc(8);
  raw.writeDoubleBE(value);
  const bits = raw.readBigUInt64BE();
  const sign = 1n << 63n;
  let payload = bits < sign ? bits ^ sign : (~bits + 1n) & MASK;
  const out = [PREFIX.number as number, Number(payload >> 56n)];
  payload = (payload << 8n) & MASK;
  let byte = 0;
  let first = true;
  do {
    if (!first && byte !== 0) out.push(byte);
    first = false;
    byte = Number(payload >> 56n) | 1;
    payload = (payload << 7n) & MASK;
  } while (payload !== 0n);
  if ((byte & 0xfe) !== 0) out.push(byte & 0xfe);
  return out;
}

/** The binary encoding, in hex, of a number: also what bounds the ranges of version 1. */
export function encodeNumberKey(value: number): string {
  return Buffer.from(encodeNumber(value)).toString('hex').toUpperCase();
}

function encodeV1(value: KeyComponent): number[] {
  if (typeof value === 'number') return encodeNumber(value);
  if (typeof value !== 'string') return [...hashInput(value, 1)];
  const bytes = Buffer.from(value.slice(0, V1_MAX_STRING), 'utf8');
  return [PREFIX.string, ...[...bytes].map((byte) => (byte < 255 ? byte + 1 : byte)), STRING_END_V1];
}

function hashV1(value: KeyComponent): string {
  const hash = murmur32(hashInput(value, 1));
  return Buffer.from([...encodeNumber(hash), ...encodeV1(value)])
    .toString('hex')
    .toUpperCase();
}

/**
 * The effective partition key: the hash, in upper-case hex, that decides which physical range an item lies in.
 * Must agree with the SDK, which routes bulk operations by it. A prefix of a hierarchical key gives the prefix
 * of the effective keys of its items.
 */
export function effectiveKey(key: PartitionKey, definition: PartitionKeyDefinition): string {
  if (definition.kind === 'MultiHash') return key.map((component) => hashV2([component])).join('');
  if (key.length === 0) return '';
  return definition.version === 2 ? hashV2(key) : hashV1(key[0]);
}
