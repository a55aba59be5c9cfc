import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { APP_DIR } from './paths';
import { mixSeed, random } from './random';

/** Below `data/`: tiles of Natural Earth II, see `data/README.md`. */
export const IMAGES_FOLDER = 'tweets/images';

/** The levels at which there are tiles; level 0 has the fewest details. */
export const TILE_LEVELS = [0, 1, 2] as const;
export type TileLevel = (typeof TILE_LEVELS)[number];

/** Those that Harvey's way lies on, `level-x-y` of the geodetic profile of TMS: x from 180° W, y from 90° S. */
export const TILES = ['0-0-0', '1-0-1', '1-1-1', '2-1-2', '2-2-2'].map(nameOf);

function nameOf(place: string): string {
  return `natural-earth-ii-${place}.jpg`;
}

/**
 * The name of the tile that shows a place, degrees WGS 84.
 * @throws RangeError when there is none: the place is not on Harvey's way
 */
export function tileAt(latitude: number, longitude: number, level: TileLevel): string {
  const degrees = 180 / 2 ** level;
  const [x, y] = [Math.floor((longitude + 180) / degrees), Math.floor((latitude + 90) / degrees)];
  const name = nameOf(`${level}-${x}-${y}`);
  if (!TILES.includes(name)) throw new RangeError(`No tile shows ${latitude}, ${longitude}.`);
  return name;
}

const known = new Map<string, Buffer>();

/** The bytes of a tile, read when they are first asked for. */
export function tile(name: string): Buffer {
  const found = known.get(name) ?? readFileSync(join(APP_DIR, 'data', IMAGES_FOLDER, name));
  known.set(name, found);
  return found;
}

/** Longest content of a segment: its length has 16 bits and counts itself (ITU-T T.81, B.1.1.4). */
const MAX_CONTENT = 0xffff - 2;
/** Marker and length. */
const SEGMENT_HEAD = 4;
const COM = 0xfffe;
/** The number, so that no two images of a seed are the same. */
const NUMBER_BYTES = 8;

/**
 * A valid JPEG that is like no other of its seed: a tile with comment segments (COM) of random bytes, which cannot be
 * compressed and which decoders skip.
 * @param bytes its length; about 15,000 is the least
 * @throws RangeError when that is too short for a tile and a number
 */
export function uniqueJpeg(seed: number, number: number, bytes: number): Buffer {
  const base = tile(TILES[number % TILES.length] as string);
  const room = bytes - base.length;
  const segments = Math.ceil(room / (SEGMENT_HEAD + MAX_CONTENT));
  if (room < SEGMENT_HEAD + NUMBER_BYTES) throw new RangeError(`A JPEG of ${bytes} bytes is too short.`);
  const content = Buffer.alloc(room - segments * SEGMENT_HEAD);
  const source = random(mixSeed(seed, number));
  for (let at = 0; at + 4 <= content.length; at += 4)
    content.writeUInt32LE(source.integer(0, 2 ** 32 - 1), at);
  content.writeBigUInt64BE(BigInt(number));
  const begin = endOfHead(base);
  return Buffer.concat([base.subarray(0, begin), ...comments(content, segments), base.subarray(begin)]);
}

function comments(content: Buffer, count: number): Buffer[] {
  const each = Math.ceil(content.length / count);
  return Array.from({ length: count }, (_, at) => {
    const part = content.subarray(at * each, (at + 1) * each);
    const head = Buffer.alloc(SEGMENT_HEAD);
    head.writeUInt16BE(COM);
    head.writeUInt16BE(part.length + 2, 2);
    return Buffer.concat([head, part]);
  });
}

/** JFIF wants its own segments (APPn) first. */
function endOfHead(jpeg: Buffer): number {
  let at = 2;
  while (jpeg[at] === 0xff && ((jpeg[at + 1] ?? 0) & 0xf0) === 0xe0) at += 2 + jpeg.readUInt16BE(at + 2);
  return at;
}
