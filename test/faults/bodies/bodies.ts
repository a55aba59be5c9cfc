import { mixSeed, random as seeded, type Random } from '../../../tools/lib/random';
import { byteSpoilers } from './byte-kinds';
import { codingKinds, CONTENT_TYPES, type Coding } from './coding-kinds';
import { bytesOf, type Good } from './good';
import type { Kind } from './kind';
import { parsed, type Sent } from './meaning';

/** What the bodies at one door are made of. */
export interface Recipe {
  readonly kinds: readonly Kind[];
  readonly contentType: string;
  readonly coding?: Coding;
  /** @param tag the beginning of every key */
  good(tag: string, number: number, random: Random): Good;
}

/** A body, and how it came about. */
export interface Body extends Sent {
  readonly number: number;
  /** For people, such as `member-prototype + cut`. */
  readonly kind: string;
  readonly good: Good;
  /** Sent in pieces, without a Content-Length. */
  readonly streamed: boolean;
}

/** Where the good subscriptions of bodies point; the harness puts a receiver of its own in its place. */
export const PLACEHOLDER_URL = 'http://127.0.0.1:1/';

/** One body in so many is spoilt a second time, sent as it is, sent in pieces, or has another content type. */
const SPOILT_TWICE = 8;
const UNSPOILT = 12;
const STREAMED = 8;
const OTHER_TYPE = 16;

const oneIn = (random: Random, many: number): boolean => random.integer(1, many) === 1;

const MAX_DRAWS = 20;

/** The body with this number: the same for the same seed. */
export function bodyOf(seed: number, number: number, recipe: Recipe, tag: string): Body {
  for (let draw = 0; ; draw++) {
    const body = drawn(random(seed, number, draw), number, recipe, tag);
    if (draw === MAX_DRAWS || !reachesOut(body.bytes)) return body;
  }
}

const random = (seed: number, number: number, draw: number): Random => seeded(mixSeed(seed, number, draw));

function drawn(random: Random, number: number, recipe: Recipe, tag: string): Body {
  const good = recipe.good(tag, number, random);
  const kind = oneIn(random, UNSPOILT) ? undefined : random.pick(recipe.kinds);
  const names = [kind?.name ?? 'good'];
  let bytes = kind ? kind.make(good, random) : bytesOf(good);
  if (kind && oneIn(random, SPOILT_TWICE) && bytes.length > 1) {
    const spoiler = random.pick(byteSpoilers);
    bytes = spoiler.spoil(bytes, random);
    names.push(spoiler.name);
  }
  let contentEncoding: string | undefined;
  if (recipe.coding) {
    // Half of them whole, so that what is within is looked at.
    const coding = random.next() < 0.5 ? codingKinds[0] : random.pick(codingKinds);
    if (!coding) throw new Error('There are no codings.');
    ({ bytes, contentEncoding } = coding.make(bytes, recipe.coding, random));
    names.push(coding.name);
  }
  const streamed = oneIn(random, STREAMED);
  const otherType = oneIn(random, OTHER_TYPE);
  if (otherType) names.push('type');
  const contentType = otherType ? random.pick(CONTENT_TYPES) : recipe.contentType;
  return { number, kind: names.join(' + '), good, bytes, contentType, contentEncoding, streamed };
}

/** Whether it names an address that is not of this machine, or of somebody else on it: none may be asked by a test. */
function reachesOut(bytes: Buffer): boolean {
  if (!bytes.includes('url') && !bytes.includes('Url')) return false;
  const value = parsed(bytes.toString('utf8'));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return [value['url'], value['alertUrl']].some((text) => {
    const url = typeof text === 'string' ? URL.parse(text) : null;
    return url !== null && /^https?:$/.test(url.protocol) && !(isLoopback(url.hostname) && url.port === '1');
  });
}

const isLoopback = (host: string): boolean => host === '127.0.0.1' || host === '[::1]';
