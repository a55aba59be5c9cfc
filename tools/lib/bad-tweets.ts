import { tile, TILES } from './tiles';
import type { Tweet } from './tweets';

export interface TweetFault {
  readonly name: string;
  /** As the app has to say it: the schema's keyword, `media` for an image that is none, `eventTime`. */
  readonly keyword: string;
  readonly pointer: string;
  readonly spoil: (tweet: Tweet) => unknown;
}

const fault = (name: string, keyword: string, pointer: string, spoil: TweetFault['spoil']): TweetFault => ({
  name,
  keyword,
  pointer,
  spoil,
});

/** Without a member. */
const without = (name: string, member: keyof Tweet): TweetFault =>
  fault(name, 'required', '', ({ ...tweet }) => {
    delete tweet[member];
    return tweet;
  });

/** With another value in one member. */
const other = (name: string, keyword: string, member: keyof Tweet, value: unknown): TweetFault =>
  fault(name, keyword, `/${member}`, (tweet) => ({ ...tweet, [member]: value }));

/** The beginning of an image: enough for what is looked at. */
const JPEG = tile(TILES[0] as string)
  .subarray(0, 600)
  .toString('base64');

/** One white pixel. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTSOlwAAAABJRU5ErkJggg==';

/** Seconds since the epoch; later than any clock that will ever receive it. */
const YEAR_2999 = Date.parse('2999-01-01T00:00:00Z') / 1_000;

/** Each breaks exactly one rule, so that exactly one error is right. */
export const TWEET_FAULTS: readonly TweetFault[] = [
  without('key-missing', 'tweet_id'),
  without('time-missing', 'time'),
  without('place-missing', 'latitude'),
  without('flag-missing', 'damage_flag'),
  // It was 901430982104588289: a producer's JSON library has rounded it.
  other('key-beyond-double', 'maximum', 'tweet_id', 901_430_982_104_588_300),
  other('key-not-digits', 'pattern', 'tweet_id', 'tweet/17'),
  other('key-null', 'type', 'tweet_id', null),
  other('likes-as-text', 'type', 'likes', '12'),
  other('likes-negative', 'minimum', 'likes', -1),
  other('retweets-fractional', 'type', 'retweets', 1.5),
  other('text-empty', 'minLength', 'tweet', ''),
  other('time-as-text', 'type', 'time', '2017-08-26T03:00:00Z'),
  other('time-far-future', 'eventTime', 'time', YEAR_2999),
  other('time-in-milliseconds', 'eventTime', 'time', Date.parse('2017-08-26T03:00:00Z')),
  other('day-no-such-day', 'format', 'year_month_date', '2017-08-32'),
  other('latitude-as-text', 'type', 'latitude', '29.7604'),
  other('latitude-off-the-globe', 'maximum', 'latitude', 129.7604),
  other('longitude-off-the-globe', 'minimum', 'longitude', -195.3698),
  other('flag-unknown', 'enum', 'damage_flag', 'maybe'),
  fault('unknown-property', 'additionalProperties', '', (tweet) => ({ ...tweet, colour: 'grey' })),
  other('image-broken-base64', 'media', 'image_base64', `${JPEG.slice(0, 40)}**${JPEG.slice(42)}`),
  other('image-cut-base64', 'media', 'image_base64', JPEG.slice(0, -1)),
  other('image-is-png', 'media', 'image_base64', PNG),
  other('image-url-is-png', 'media', 'image_base64', `data:image/png;base64,${PNG}`),
  other('image-is-text', 'media', 'image_base64', Buffer.from('See attached.').toString('base64')),
  fault('not-an-object', 'type', '', ({ tweet_id, tweet }) => [tweet_id, tweet]),
];
