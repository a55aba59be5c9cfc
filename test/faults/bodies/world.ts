import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Consumer } from '../../../tools/lib/consumer';
import { newSecret, Subscriptions } from '../../../tools/lib/subscriptions';
import { copyApp, headwater, type Headwater } from '../../support/headwater';
import type { Limits } from './expected';
import { MemoryProbe } from './memory';
import { prepareOrigins, type Origin } from './origins';

/** Low, so that what goes beyond them is cheap. */
export const LIMITS: Limits = { bytes: 4 * 1024 * 1024, records: 2000 };

const of = (members: object, properties: object, required: readonly string[]): object => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  'x-headwater': { version: 1, key: '/id', ...members },
  type: 'object',
  properties: { id: { type: 'string' }, ...properties },
  required: ['id', ...required],
});

/** Data sets that take any further member, so that what is hostile lands. */
const SCHEMAS: Readonly<Record<string, object>> = {
  notes: of({ deletion: { pointer: '/gone', equals: true } }, {}, []),
  rows: of(
    { eventTime: { pointer: '/at', format: 'date-time', allowedSkewSeconds: 60 } },
    {
      at: { type: 'string', format: 'date-time' },
      text: { type: 'string' },
      amount: { type: 'number' },
      count: { type: 'integer' },
      flag: { type: 'boolean' },
      note: { type: ['string', 'null'] },
    },
    ['at'],
  ),
  pictures: of(
    { media: [{ pointer: '/image', contentType: 'image/jpeg' }] },
    { image: { type: 'string', contentEncoding: 'base64', contentMediaType: 'image/jpeg' } },
    [],
  ),
};

/** All that a run of hostile bodies needs. */
export interface World {
  readonly hw: Headwater;
  readonly subscriptions: Subscriptions;
  /** Is told of every change of the data sets that bodies are posted to. */
  readonly consumer: Consumer;
  /** Consents to whatever it is sent: the receiver of subscriptions that bodies make and change. */
  readonly consenting: Consumer;
  readonly memory: MemoryProbe;
  /** Closed batches with records that did not land. */
  readonly origins: readonly Origin[];
  /** What was put as uploads, as `{dataset}/{uploadId}`. */
  readonly uploads: Set<string>;
  dispose(): Promise<void>;
}

export async function startWorld(): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-bodies-'));
  const schemas = join(copyApp(folder), 'schemas');
  for (const [name, schema] of Object.entries(SCHEMAS))
    writeFileSync(join(schemas, `${name}.json`), JSON.stringify(schema));
  const memory = new MemoryProbe();
  const hw = await headwater({
    folder,
    environment: memory.environment,
    settings: {
      HEADWATER_MAX_BATCH_BYTES: String(LIMITS.bytes),
      HEADWATER_MAX_BATCH_RECORDS: String(LIMITS.records),
      HEADWATER_MAX_UPLOAD_BYTES: String(LIMITS.bytes),
      HEADWATER_MAX_UPLOAD_RECORDS: String(LIMITS.records),
      HEADWATER_DELIVERY_TIMEOUT_MS: '2000',
      HEADWATER_DELIVERY_FIRST_WAIT_MS: '50',
      HEADWATER_DELIVERY_WAIT_FACTOR: '1',
    },
  });
  const secret = newSecret();
  const consumer = new Consumer({ secret });
  const consenting = new Consumer();
  try {
    await Promise.all([consumer.start(), consenting.start()]);
    const subscriptions = new Subscriptions(hw.api);
    const datasets = [...Object.keys(SCHEMAS), 'products'];
    await subscriptions.createActive({ url: consumer.url, datasets, secret, maxInFlight: 100 });
    return {
      hw,
      subscriptions,
      consumer,
      consenting,
      memory,
      origins: await prepareOrigins(hw.api),
      uploads: new Set(),
      async dispose() {
        await hw.dispose();
        memory.dispose();
        await Promise.all([consumer.close(), consenting.close()]);
      },
    };
  } catch (error) {
    await hw.dispose();
    throw error;
  }
}
