import { stormAt, TRACK, type Fix } from './harvey';
import { mixSeed, random, type Random } from './random';
import { distanceKm, rounded, travelled } from './sphere';
import { tile, tileAt, uniqueJpeg } from './tiles';
import { FLOOD, TEXTS, TOWNS, type TextKind, type Town } from './tweet-words';

/** A message as `schemas/tweets.json` describes it, ids as digits. */
export interface Tweet {
  tweet_id: string;
  account_id: string;
  tweet: string;
  time: number;
  year_month_date: string;
  latitude: number;
  longitude: number;
  damage_flag: 'damage' | 'no_damage';
  likes: number;
  replies: number;
  retweets: number;
  image_base64?: string;
}

export interface TweetOptions {
  readonly seed: number;
  /** Without end when it is left out. */
  readonly count?: number;
  /** Number of the first message, to give several producers ranges of their own. */
  readonly first?: number;
  /**
   * `none` (default); `tiles`: about 15 % have the tile that shows their place; `{ bytes }`: each has a JPEG of that
   * length that no other has.
   */
  readonly images?: 'none' | 'tiles' | { readonly bytes: number };
}

/** Messages of one passage of the storm; the next one begins again on 17 August. */
export const PASSAGE = 2_000;

/**
 * Messages that invented people write along Harvey's real way, the same for the same options, in the order of time
 * within each {@link PASSAGE}. Ids are distinct.
 */
export function* tweets(options: TweetOptions): Generator<Tweet> {
  const { seed, count = Infinity, first = 0, images = 'none' } = options;
  for (let number = first; number < first + count; number++) {
    const one = tweet(seed, number);
    const image =
      typeof images === 'object'
        ? uniqueJpeg(seed, number, images.bytes)
        : images === 'tiles'
          ? imageTile(seed, number)
          : undefined;
    yield image ? { ...one, image_base64: image.toString('base64') } : one;
  }
}

function imageTile(seed: number, number: number): Buffer | undefined {
  const name = imageFile(seed, number);
  return name === undefined ? undefined : tile(name);
}

/** How many of the messages come with an image. */
const WITH_IMAGE = 0.15;

/** The name of the tile that a message comes with: most have none. */
export function imageFile(seed: number, number: number): string | undefined {
  const source = random(mixSeed(seed, number, 2));
  if (source.next() >= WITH_IMAGE) return undefined;
  const { latitude, longitude } = tweet(seed, number);
  return tileAt(latitude, longitude, source.pick([2, 2, 2, 1, 0]));
}

/** Message `number`, without its image. */
export function tweet(seed: number, number: number): Tweet {
  const source = random(mixSeed(seed, number, 1));
  const time = timeOf(number, source);
  const storm = stormAt(time);
  const near = townNear(storm, source);
  const { latitude, longitude } = near
    ? travelled(near, source.integer(0, 359), 8 * source.next())
    : travelled(storm, source.integer(0, 359), 40 + 200 * source.next());
  const damaged = source.next() < (near ? danger(near, storm) : 0);
  const interest = spread(source, damaged ? 900 : 120);
  return {
    tweet_id: snowflake(time, number),
    account_id: accountId(seed, source),
    tweet: text(source, storm, near, damaged),
    time: Math.floor(time / 1_000),
    year_month_date: new Date(time).toISOString().slice(0, 10),
    latitude: rounded(latitude, 4),
    longitude: rounded(longitude, 4),
    damage_flag: damaged ? 'damage' : 'no_damage',
    likes: interest,
    replies: Math.floor(interest * 0.3 * source.next()),
    retweets: Math.floor(interest * 0.8 * source.next()),
  };
}

const HOUR = 3_600_000;
const FIRST = (TRACK[0] as Fix).time;
const LAST = (TRACK.at(-1) as Fix).time;

/** Which part of the messages has been written by when: half of them from the landfall on for four days. */
const ACTIVITY: readonly (readonly [part: number, time: number])[] = [
  [0, FIRST],
  [0.07, Date.UTC(2017, 7, 20)],
  [0.13, Date.UTC(2017, 7, 23, 12)],
  [0.3, Date.UTC(2017, 7, 25, 18)],
  [0.5, Date.UTC(2017, 7, 27)],
  [0.8, Date.UTC(2017, 7, 29, 18)],
  [0.93, Date.UTC(2017, 7, 31, 6)],
  [1, LAST],
];

/** Rising within a passage, ms since the epoch. */
function timeOf(number: number, source: Random): number {
  const part = ((number % PASSAGE) + source.next()) / PASSAGE;
  const after = ACTIVITY.findIndex(([end]) => end > part);
  const [to, end] = ACTIVITY[after] as readonly [number, number];
  const [from, begin] = ACTIVITY[after - 1] as readonly [number, number];
  return Math.floor(begin + ((part - from) / (to - from)) * (end - begin));
}

/** From further away nobody writes; nearer towns write more. */
const REACH_KM = 320;

/** A town in the storm's reach; none on the open sea. */
function townNear(storm: Fix, source: Random): Town | undefined {
  const near = TOWNS.map((town) => ({ town, km: distanceKm(storm, town) }))
    .filter(({ km }) => km < REACH_KM)
    .map(({ town, km }) => ({ town, weight: town.weight * (1 - km / (2 * REACH_KM)) }));
  let at = source.next() * near.reduce((sum, { weight }) => sum + weight, 0);
  return near.find(({ weight }) => (at -= weight) < 0)?.town;
}

const isFlooded = (town: Town, time: number): boolean =>
  town.floods === true && time >= FLOOD.from && time <= FLOOD.to;

/** How likely it is that a message tells of damage. */
function danger(town: Town, storm: Fix): number {
  if (isFlooded(town, storm.time)) return 0.6;
  const km = distanceKm(storm, town);
  if (storm.wind >= 64 && km < 110) return 0.75;
  if (afterLandfall(storm.time) && km < 110) return storm.time < FLOOD.to ? 0.45 : 0.15;
  return storm.wind >= 34 ? 0.07 : 0.02;
}

/** Of the one in Texas. */
const afterLandfall = (time: number): boolean => time > Date.UTC(2017, 7, 26, 3);

function textKind(storm: Fix, town: Town | undefined, damaged: boolean): TextKind {
  if (!town) return 'sea';
  if (town.language === 'es') return damaged ? 'damageEs' : 'watchEs';
  if (isFlooded(town, storm.time)) return damaged ? 'flood' : 'dry';
  if (!damaged) return afterLandfall(storm.time - 24 * HOUR) ? 'after' : 'watch';
  return storm.wind >= 45 ? 'wind' : 'damage';
}

function text(source: Random, storm: Fix, town: Town | undefined, damaged: boolean): string {
  // Far from the centre it blows less.
  const force = town ? 1.1 - distanceKm(storm, town) / REACH_KM : 0.6;
  const knots = storm.wind * force * (0.9 + 0.3 * source.next());
  return source
    .pick<string>(TEXTS[textKind(storm, town, damaged)])
    .replaceAll('{town}', town?.name ?? '')
    .replaceAll('{inches}', String(source.integer(4, 40)))
    .replaceAll('{hours}', String(source.integer(3, 30)))
    .replaceAll('{knots}', String(Math.max(15, Math.round(knots))));
}

/** Most get little attention, a few very much: the cube of an even spread. */
function spread(source: Random, most: number): number {
  return Math.floor(most * source.next() * source.next() * source.next());
}

/** Where the service's ids begin to count (https://docs.x.com/fundamentals/x-ids), ms since the epoch. */
const ID_EPOCH = 1_288_834_974_657n;
const SEQUENCE_BITS = 22n;

/** An id as the service makes them: ms since its epoch, then 22 bits, here of the message's number. */
function snowflake(time: number, number: number): string {
  return String(((BigInt(time) - ID_EPOCH) << SEQUENCE_BITS) | BigInt(number % 2 ** Number(SEQUENCE_BITS)));
}

const ACCOUNTS = 900;
/** When the ids of accounts had become as long as those of messages. */
const LONG_IDS = Date.UTC(2016, 3, 1);

/** One of {@link ACCOUNTS} invented people; a third of them joined late and have long ids. */
function accountId(seed: number, source: Random): string {
  const account = source.integer(0, ACCOUNTS - 1);
  const own = random(mixSeed(seed, account, 3));
  if (account % 3 !== 0) return String(own.integer(10_000_000, 3_000_000_000));
  return snowflake(LONG_IDS + own.integer(0, 400) * 24 * HOUR, account);
}
