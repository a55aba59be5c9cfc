import { brotliCompressSync, gzipSync } from 'node:zlib';
import { bucketOf } from '../../src/domain/keys';
import { tile, TILES } from '../../tools/lib/tiles';
import { loadShots, World, type Request } from './ingest-world';

/** A record of the data set `shots`; what it should not be is for those that are to be quarantined. */
export interface Shot {
  readonly id: string;
  readonly at: number;
  readonly size?: number | string;
  readonly gone?: boolean;
  readonly picture?: string;
  readonly refusal?: 'named' | 'nameless';
}

const NDJSON = 'application/x-ndjson';

/** Seconds; an hour before the first batch is received. */
export const BEGIN = Date.parse('2026-03-01T11:00:00Z') / 1000;

/** Keys of two buckets, so that groups are full. */
export const KEYS = Array.from({ length: 2_000 }, (_, at) => `shot/${at}`).filter((key) => bucketOf(key) < 2);

const shot = (key: number, minute: number, more: Partial<Shot> = {}): Shot => ({
  id: KEYS[key] as string,
  at: BEGIN + minute * 60,
  size: key,
  ...more,
});
const shots = (from: number, to: number, minute = 0): Shot[] =>
  Array.from({ length: to - from }, (_, at) => shot(from + at, minute));

export const ndjson = (records: readonly unknown[]): string =>
  records.map((record) => JSON.stringify(record)).join('\n');

/** @param rows texts are lines as they are */
const csv = (rows: readonly (Shot | string)[]): string => {
  const line = ({ id, at, size, gone }: Shot): string => [id, at, size, gone].join();
  return ['id,at,size,gone', ...rows.map((row) => (typeof row === 'string' ? row : line(row)))].join('\r\n');
};

const JPEGS = TILES.slice(0, 2).map((name) => tile(name).subarray(0, 600).toString('base64'));

/** What has landed before each scenario. */
export const BEFORE: readonly Shot[] = [...shots(0, 3), shot(5, 30)];

/** A world in which {@link BEFORE} has landed, a second ago. */
export async function worldBefore(): Promise<World> {
  const world = new World(loadShots());
  await world.land({ key: 'before', contentType: NDJSON, body: ndjson(BEFORE) });
  world.stores.now += 1_000;
  return world;
}

export interface Scenario {
  readonly request: Request;
  /** What the request holds, as records; undefined for a row that cannot be read. */
  readonly records: readonly (Shot | undefined)[];
}

const rows: readonly (Shot | string)[] = [
  shot(0, 1),
  'broken,row',
  shot(1, 1, { size: 'x' }),
  shot(0, 2, { size: 5 }),
  shot(2, 1),
  '"q"q,1,1,',
];
const recordsOf = (from: readonly (Shot | string)[]): (Shot | undefined)[] =>
  from.map((row) => (typeof row === 'string' ? undefined : row));

const farApart: readonly Shot[] = [
  shot(0, 1),
  ...shots(1, 8),
  shot(0, 5),
  shot(3, 4),
  ...shots(8, 12),
  shot(0, 3),
  shot(1, 9, { size: 'invalid' }),
  shot(1, 9, { gone: true }),
  ...shots(12, 14),
  shot(0, 5, { size: 99 }),
];

const pictures: readonly Shot[] = [
  shot(0, 1, { picture: JPEGS[0] as string }),
  shot(1, 1, { picture: `data:image/jpeg;base64,${JPEGS[1]}` }),
  shot(2, 1, { picture: `${JPEGS[0]?.slice(0, -1)}*` }),
  shot(3, 1, { picture: Buffer.from('no picture').toString('base64') }),
  shot(4, 1, { picture: JPEGS[0] as string }),
];

const many: readonly Shot[] = [...shots(0, 13, 2), shot(3, 1), shot(4, 9, { size: 'invalid' })];

const uploadOfOne: Scenario = {
  request: { key: 'k', contentType: 'text/csv', upload: Buffer.from(csv(rows.slice(0, 5))) },
  records: recordsOf(rows.slice(0, 5)),
};
const uploadOfMany: Scenario = {
  request: {
    key: 'k',
    contentType: NDJSON,
    contentEncoding: 'gzip',
    // Not made smaller, so that it comes in several pieces.
    upload: gzipSync(ndjson(many), { level: 0 }),
  },
  records: many,
};

export const SCENARIOS = {
  'CSV with bad rows': {
    request: { key: 'k', contentType: 'text/csv', body: csv(rows) },
    records: recordsOf(rows),
  },
  'keys that occur again in other groups and chunks': {
    request: { key: 'k', contentType: 'application/json', body: JSON.stringify(farApart) },
    records: farApart,
  },
  'media, good and broken': {
    request: {
      key: 'k',
      contentType: NDJSON,
      contentEncoding: 'br',
      body: brotliCompressSync(ndjson(pictures)),
    },
    records: pictures,
  },
  'an upload of several chunks': uploadOfMany,
  'an upload of one chunk': uploadOfOne,
} satisfies Record<string, Scenario>;

/** All of them are chunks, and then there is a line that is no record. */
export const MALFORMED: Request = {
  key: 'k',
  contentType: NDJSON,
  upload: Buffer.from(`${ndjson(many)}\n{"id":`),
};

/** One bad record, and nothing lands. */
export const REJECTED: Request = { key: 'k', contentType: NDJSON, body: ndjson(many), onInvalid: 'reject' };

/** The store refuses two of them, each in its own way; one is the newest of its key. */
export const REFUSED: Request = {
  key: 'k',
  contentType: NDJSON,
  body: ndjson([
    ...shots(0, 5, 1),
    shot(0, 7, { refusal: 'named' }),
    shot(5, 40, { refusal: 'nameless' }),
    ...shots(6, 9, 1),
  ]),
};
