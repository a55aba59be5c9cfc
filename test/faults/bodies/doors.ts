import type { Random } from '../../../tools/lib/random';
import { PLACEHOLDER_URL, type Recipe } from './bodies';
import { byteKinds } from './byte-kinds';
import type { Coding } from './coding-kinds';
import { csvKinds } from './csv-kinds';
import { notes, rows, someProducts, type Format, type Good, type Members } from './good';
import { jsonKinds } from './json-kinds';
import type { Kind } from './kind';
import { mediaKinds, pictures } from './media-kinds';
import { redriveKinds } from './redrive-kinds';
import { operationKinds, patchOf, subscriptionKinds, subscriptionOf } from './subscription-kinds';

/** How a batch comes in. */
export type Way = 'post' | 'dryRun' | 'upload' | 'redrive';

interface BatchDoor extends Recipe {
  readonly to: 'batches';
  readonly way: Way;
  readonly onInvalid: 'quarantine' | 'reject';
}

interface SubscriptionDoor extends Recipe {
  readonly to: 'subscriptions' | 'subscription';
  /** Behind `/api/subscriptions/{id}`; several are taken in turn. */
  readonly paths: readonly string[];
}

/** Where bodies come in. */
export type Door = { readonly name: string } & (BatchDoor | SubscriptionDoor);

const TYPES = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  csv: 'text/csv',
  object: 'application/json',
};

const kindsFor = (format: Format, ...tables: readonly (readonly Kind[])[]): Kind[] =>
  tables.flat().filter(({ formats }) => formats.includes(format));

/** A body has one to six records: enough for neighbours, few enough for ten thousand bodies. */
const size = (random: Random): number => random.integer(1, 6);

const RECORDS: Readonly<Record<string, (tag: string, number: number, random: Random) => Members[]>> = {
  notes: (tag, _, random) => notes(tag, size(random), random),
  products: (_, number, random) => someProducts(number, size(random), random),
  rows: (tag, _, random) => rows(tag, size(random), random),
  pictures: (tag, _, random) => pictures(tag, size(random)),
};

interface BatchOptions {
  readonly coding?: Coding;
  readonly way?: Way;
  readonly datasets?: readonly string[];
  readonly onInvalid?: 'quarantine' | 'reject';
  readonly kinds?: readonly Kind[];
}

function batches(name: string, format: 'json' | 'ndjson' | 'csv', options: BatchOptions = {}): Door {
  const { coding, way = 'post', onInvalid = 'quarantine' } = options;
  const { datasets = format === 'csv' ? ['rows'] : ['notes', 'products', 'notes'] } = options;
  const kinds = options.kinds ?? kindsFor(format, byteKinds, jsonKinds, csvKinds);
  return {
    name,
    to: 'batches',
    way,
    onInvalid,
    kinds,
    contentType: TYPES[format],
    ...(coding ? { coding } : {}),
    good: (tag, number, random): Good => {
      const dataset = random.pick(datasets);
      return { format, dataset, tag, records: RECORDS[dataset]?.(tag, number, random) ?? [] };
    },
  };
}

/** Items of a redrive: each repairs the quarantined record of its index. */
const repaired = (tag: string, random: Random): Members[] =>
  notes(tag, size(random), random).map((record, at) => ({ index: at + 1, record }));

function redrive(name: string, format: 'json' | 'ndjson'): Door {
  const kinds = kindsFor(format, byteKinds, jsonKinds, redriveKinds, redriveKinds, redriveKinds);
  return {
    ...batches(name, format, { way: 'redrive', datasets: ['notes'], kinds }),
    good: (tag, _, random) => ({ format, dataset: 'notes', tag, records: repaired(tag, random) }),
  };
}

function subscription(
  name: string,
  paths: readonly string[],
  kinds: readonly Kind[],
  good: (tag: string, random: Random) => Members,
): Door {
  return {
    name,
    to: name === 'subscriptions' ? 'subscriptions' : 'subscription',
    paths,
    kinds,
    contentType: name === 'merge patch' ? 'application/merge-patch+json' : 'application/json',
    good: (tag, _, random) => ({ format: 'object', dataset: '', tag, records: [good(tag, random)] }),
  };
}

const OF_OBJECTS = kindsFor('object', byteKinds, jsonKinds, subscriptionKinds);
const OPERATIONS = [
  '/deliveries/retry',
  '/recover',
  '/replay',
  '/rotate-secret',
  '/confirm',
  '/test',
  '/pause',
  '/resume',
];

const operation = (tag: string, random: Random): Members =>
  random.pick<Members>([
    { key: tag },
    { since: '2026-01-01T00:00:00Z' },
    { overlapSeconds: 5 },
    { token: tag },
    {},
  ]);

/** Bodies with media among good ones; the other kinds come by the other doors. */
const WITH_MEDIA = { datasets: ['pictures'], kinds: mediaKinds };

/** All doors, in the order in which they are visited. */
export const DOORS: readonly Door[] = [
  batches('json', 'json'),
  batches('ndjson', 'ndjson'),
  batches('json, reject', 'json', { onInvalid: 'reject' }),
  batches('ndjson, reject', 'ndjson', { onInvalid: 'reject' }),
  batches('csv', 'csv'),
  batches('csv, reject', 'csv', { onInvalid: 'reject' }),
  batches('json, gzip', 'json', { coding: 'gzip' }),
  batches('ndjson, br', 'ndjson', { coding: 'br' }),
  batches('csv, gzip', 'csv', { coding: 'gzip' }),
  batches('media, json', 'json', WITH_MEDIA),
  batches('media, ndjson', 'ndjson', WITH_MEDIA),
  batches('dry run, json', 'json', { way: 'dryRun' }),
  batches('dry run, csv', 'csv', { way: 'dryRun' }),
  batches('upload, ndjson', 'ndjson', { way: 'upload' }),
  batches('upload, json', 'json', { way: 'upload', coding: 'gzip' }),
  batches('upload, csv', 'csv', { way: 'upload' }),
  redrive('redrive, ndjson', 'ndjson'),
  redrive('redrive, json', 'json'),
  subscription('subscriptions', [''], OF_OBJECTS, (tag, random) =>
    subscriptionOf(PLACEHOLDER_URL, tag, random),
  ),
  subscription('patch', [''], OF_OBJECTS, patchOf),
  subscription('merge patch', [''], OF_OBJECTS, patchOf),
  subscription(
    'operations',
    OPERATIONS,
    [...kindsFor('object', byteKinds, jsonKinds), ...operationKinds],
    operation,
  ),
];

/** The door of the body with this number. */
export function doorOf(number: number): Door {
  const door = DOORS[number % DOORS.length];
  if (!door) throw new Error('There is no door.');
  return door;
}
