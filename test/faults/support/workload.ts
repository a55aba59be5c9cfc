import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { AcceptedBatch, Api } from '../../../tools/lib/api';
import { ApiError } from '../../../tools/lib/api';
import type { Random } from '../../../tools/lib/random';

/** A record of the data set `readings`: its `at` is the event time. */
export interface Reading {
  readonly sensor: string;
  readonly at: string;
  readonly value?: number;
  readonly gone?: boolean;
}

export const READINGS_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Reading',
  'x-headwater': {
    version: 1,
    key: '/sensor',
    eventTime: { pointer: '/at', format: 'date-time', allowedSkewSeconds: 60 },
    deletion: { pointer: '/gone', equals: true },
  },
  type: 'object',
  properties: {
    sensor: { type: 'string' },
    at: { type: 'string', format: 'date-time' },
    value: { type: 'number' },
    gone: { type: 'boolean' },
  },
  required: ['sensor', 'at'],
  additionalProperties: false,
};

export interface PostedBatch {
  readonly key: string;
  readonly body: string;
  readonly sha256: string;
  readonly records: readonly (Reading | { readonly bad: number })[];
  accepted?: AcceptedBatch;
}

/** Batches whose keys overlap, with a few bad records, duplicates and deletions. */
export function makeBatches(random: Random, round: string, count: number): PostedBatch[] {
  return Array.from({ length: count }, (_, number) => {
    const size = 1 + random.integer(0, random.pick([3, 40, 400]) - 1);
    const records = Array.from({ length: size }, (): PostedBatch['records'][number] => {
      if (random.integer(0, 49) === 0) return { bad: random.integer(0, 999) };
      const at = new Date(Date.UTC(2026, 0, 1) + random.integer(0, 999) * 60_000).toISOString();
      const sensor = `${round}/sensor ${random.integer(0, 299)}`;
      return random.integer(0, 19) === 0
        ? { sensor, at, gone: true }
        : { sensor, at, value: random.integer(0, 4) };
    });
    const body = records.map((record) => JSON.stringify(record)).join('\n');
    return {
      key: `${round}-${number}`,
      body,
      sha256: createHash('sha256').update(body).digest('hex'),
      records,
    };
  });
}

/** Posts until the batch is accepted, as a producer does: the same key again after every failure. */
export async function postUntilAccepted(api: () => Api, batch: PostedBatch): Promise<void> {
  const end = Date.now() + 60_000;
  for (;;) {
    try {
      batch.accepted = await api().post('readings', batch.body, { idempotencyKey: batch.key });
      return;
    } catch (error) {
      // What a producer must not repeat would be a fault of ours here.
      if (error instanceof ApiError && [400, 401, 403, 404, 413, 415, 422].includes(error.status))
        throw error;
      if (Date.now() > end) throw error;
      await delay(100);
    }
  }
}
