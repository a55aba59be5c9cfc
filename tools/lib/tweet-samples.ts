import { TWEET_FAULTS, type TweetFault } from './bad-tweets';
import { csvLine } from './csv';
import { ndjson } from './products';
import { numbers, SAMPLE_SEED, shuffled, type BadRecord, type SampleFile } from './sample-file';
import { IMAGES_FOLDER, tile, tileAt } from './tiles';
import { imageFile, PASSAGE, tweet, type Tweet } from './tweets';

/** Numbers of messages; below {@link PASSAGE} they are those of the first file. */
const MIXED = {
  newcomers: { first: PASSAGE, length: 12 },
  withImage: { first: PASSAGE + 100, length: 4 },
  withDataUrl: { first: PASSAGE + 120, length: 1 },
  numericIds: { first: PASSAGE + 130, length: 1 },
  pairs: { first: PASSAGE + 140, length: 3 },
  twins: { first: PASSAGE + 150, length: 2 },
  bad: { first: PASSAGE + 200, length: TWEET_FAULTS.length },
  sentAgain: { first: 700, length: 4 },
  moreLikes: { first: 800, length: 4 },
  older: { first: 900, length: 2 },
} as const;

/** Messages of the first file whose images are sent again as data URLs. */
const IMAGES_AGAIN = 2;

const HOUR_SECONDS = 3_600;

const sample = (number: number): Tweet => tweet(SAMPLE_SEED, number);
const imageFor = ({ latitude, longitude }: Tweet): Buffer => tile(tileAt(latitude, longitude, 1));
const withImage = (one: Tweet): Tweet => ({ ...one, image_base64: imageFor(one).toString('base64') });
const asDataUrl = (one: Tweet): Tweet => ({
  ...one,
  image_base64: `data:image/jpeg;base64,${one.image_base64}`,
});

/** A message of the first file as it is after the join. */
function joined(number: number): Tweet {
  const image = imageFile(SAMPLE_SEED, number);
  return image === undefined
    ? sample(number)
    : { ...sample(number), image_base64: tile(image).toString('base64') };
}

const liked = (one: Tweet): Tweet => ({ ...one, likes: one.likes + 100, retweets: one.retweets + 7 });
const earlier = (one: Tweet): Tweet => ({ ...one, time: one.time - HOUR_SECONDS });

/** Old ids were short enough for a number; the same digits as text are the same key. */
const withNumericIds = (one: Tweet): object => ({ ...one, tweet_id: 17_432_881, account_id: 4_711 });

function newRecords(): object[] {
  const { year_month_date: _, ...required } = sample(PASSAGE + 99);
  return [
    required,
    ...numbers(MIXED.newcomers).map(sample),
    ...numbers(MIXED.withImage).map((number) => withImage(sample(number))),
    ...numbers(MIXED.withDataUrl).map((number) => asDataUrl(withImage(sample(number)))),
    ...numbers(MIXED.numericIds).flatMap((number) => [
      withNumericIds(sample(number)),
      { ...earlier(sample(number)), tweet_id: '17432881', account_id: '4711' },
    ]),
    ...numbers(MIXED.pairs).flatMap((number) => [liked(sample(number)), earlier(sample(number))]),
    ...numbers(MIXED.twins).flatMap((number) => [sample(number), sample(number)]),
  ];
}

/** Records of messages of the first file. */
function knownRecords(): object[] {
  const all = numbers({ first: 0, length: PASSAGE });
  const withImages = all.filter((number) => imageFile(SAMPLE_SEED, number) !== undefined);
  return [
    ...numbers(MIXED.sentAgain).map(joined),
    ...withImages.slice(0, IMAGES_AGAIN).map((number) => asDataUrl(joined(number))),
    ...numbers(MIXED.moreLikes).map((number) => liked(joined(number))),
    ...numbers(MIXED.older).map((number) => liked(earlier(joined(number)))),
  ];
}

function mixedFile(): SampleFile {
  const good = [...newRecords(), ...knownRecords()].map((record) => ({ record, fault: undefined }));
  const bad = numbers(MIXED.bad).map((number, which) => {
    const fault = TWEET_FAULTS[which] as TweetFault;
    return { record: fault.spoil(sample(number)), fault };
  });
  const rows = shuffled([...good, ...bad]);
  return {
    path: 'tweets/tweets-mixed.ndjson',
    dataSet: 'tweets',
    format: 'ndjson',
    text: [...ndjson(rows.map(({ record }) => record))].join(''),
    bad: rows.flatMap(({ fault }, index): BadRecord[] => {
      if (!fault) return [];
      const { name, keyword, pointer } = fault;
      return [{ index, fault: name, keyword, pointer }];
    }),
  };
}

/** A passage of messages; the column `image_file` names the images of some. */
function firstFile(): SampleFile {
  const rows = numbers({ first: 0, length: PASSAGE }).map((number) => ({
    ...sample(number),
    image_file: imageFile(SAMPLE_SEED, number) ?? '',
  }));
  const header = Object.keys(rows[0] as object);
  const lines = [header, ...rows.map((row) => Object.values(row))].map(csvLine);
  return {
    path: 'tweets/tweets.csv',
    dataSet: 'tweets',
    format: 'csv',
    images: IMAGES_FOLDER,
    text: lines.map((line) => `${line}\n`).join(''),
    bad: [],
  };
}

/** The two files in the order in which they are meant to be ingested. */
export function tweetSamples(): SampleFile[] {
  return [firstFile(), mixedFile()];
}
