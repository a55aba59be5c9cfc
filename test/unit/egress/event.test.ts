import { CloudEvent, HTTP, type CloudEventV1 } from 'cloudevents';
import type { StoredDocument } from '../../../src/domain/egress/document';
import {
  alertEventOf,
  confirmEventOf,
  EVENT_CONTENT_TYPE,
  eventOf,
  testEventOf,
  type WebhookEvent,
} from '../../../src/domain/egress/event';
import type { EventKind } from '../../../src/domain/egress/row';
import type { Json } from '../../../src/domain/json';
import { fc } from '../../support/properties';

interface Stored {
  readonly dataset?: string;
  readonly key?: string;
  readonly version?: number;
  readonly eventTime?: number;
  readonly data?: Json;
}

function stored({
  dataset = 'readings',
  key = 'k1',
  version = 3,
  eventTime = 0,
  data = { a: 1 },
}: Stored): StoredDocument {
  return {
    id: 'an id',
    pk: `${dataset}:7`,
    data,
    _hw: {
      key,
      version,
      maker: { batchId: 'batch-1', index: 5, schemaVersion: '2+0123abcd' },
      newest: { eventTime, receivedAt: 9, batchId: 'batch-2', index: 1 },
      hash: 'h',
      deleted: false,
    },
    _ts: 1_700_000_000,
  };
}

const parties = { source: 'urn:headwater', subscription: 'sub-1' };

/** As a consumer with the published library reads it. */
function read({ body }: WebhookEvent): CloudEventV1<Json> {
  const event = HTTP.toEvent<Json>({ headers: { 'content-type': EVENT_CONTENT_TYPE }, body });
  if (Array.isArray(event)) throw new Error('One event was sent.');
  // The library reads without checking; building checks names, types and formats.
  return new CloudEvent({ ...event });
}

const key = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1 }),
    fc.string({ unit: 'binary', minLength: 1 }),
    fc.webUrl(),
  )
  .filter((text) => text.isWellFormed());
const document = fc
  .record({
    dataset: fc.stringMatching(/^[a-z][a-z0-9-]{0,39}$/),
    key,
    version: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    eventTime: fc.integer({ min: -8.64e15, max: 8.64e15 }),
    data: fc.dictionary(
      fc.string({ unit: 'binary' }),
      fc.jsonValue({ noUnicodeString: false }),
    ) as fc.Arbitrary<Json>,
  })
  .map(stored);
const kind = fc.constantFrom<EventKind>('upserted', 'removed', 'deleted');
const replay = fc.option(fc.uuid(), { nil: undefined });
const source = fc.constantFrom(
  'urn:headwater',
  'urn:headwater:',
  'https://headwater.example',
  'https://h.example/a/',
);

describe('an event of a document', () => {
  test('has all that a consumer needs', () => {
    const document = stored({ key: 'Ärtsoppa/1', eventTime: Date.UTC(2026, 0, 5, 1, 2, 3, 4) });
    const { id, body } = eventOf({ ...parties, document, kind: 'upserted' });
    expect(JSON.parse(body)).toEqual({
      specversion: '1.0',
      id,
      source: 'urn:headwater:readings',
      type: 'headwater.readings.upserted',
      subject: 'Ärtsoppa/1',
      time: '2026-01-05T01:02:03.004Z',
      subscription: 'sub-1',
      documentversion: 3,
      batchid: 'batch-1',
      schemaversion: '2+0123abcd',
      datacontenttype: 'application/json',
      dataschema: 'urn:headwater:schema:readings:2+0123abcd',
      data: { a: 1 },
    });
  });

  test.each(['removed', 'deleted'] as const)('that is %s does not show its content', (kind) => {
    const event = eventOf({ ...parties, document: stored({ data: { secret: 'x' } }), kind });
    expect(event.body).not.toContain('secret');
    expect(Object.keys(JSON.parse(event.body) as object)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^data/)]),
    );
    expect(read(event)).toMatchObject({ type: `headwater.readings.${kind}`, subject: 'k1' });
  });

  test('lies under a source that is a web address', () => {
    const event = eventOf({
      ...parties,
      source: 'https://headwater.example/',
      document: stored({}),
      kind: 'upserted',
    });
    expect(JSON.parse(event.body)).toMatchObject({
      source: 'https://headwater.example/readings',
      dataschema: 'https://headwater.example/schema/readings/2+0123abcd',
    });
  });

  test('is what the published library reads and finds valid, whatever the document', () => {
    fc.assert(
      fc.property(document, kind, replay, source, (document, kind, replay, source) => {
        const { id, body } = eventOf({ ...parties, source, document, kind, replay });
        const event = read({ id, body });
        expect(event).toMatchObject({
          specversion: '1.0',
          subject: document._hw.key,
          documentversion: document._hw.version,
          batchid: 'batch-1',
        });
        expect(event['replay']).toBe(replay === undefined ? undefined : true);
        if (kind === 'upserted') expect(event.data).toEqual(JSON.parse(JSON.stringify(document.data)));
        else expect(event.data).toBeUndefined();
        const names = Object.keys(JSON.parse(body) as object);
        for (const name of names) expect(name).toMatch(/^[a-z0-9]{1,20}$/);
      }),
    );
  });

  test('has its event time where RFC 3339 can write it', () => {
    const time = (eventTime: number): unknown =>
      (
        JSON.parse(
          eventOf({ ...parties, document: stored({ eventTime }), kind: 'upserted' }).body,
        ) as CloudEventV1<Json>
      ).time;
    const first = Date.parse('0000-01-01T00:00:00Z');
    const last = Date.parse('9999-12-31T23:59:59.999Z');
    expect(time(first)).toBe('0000-01-01T00:00:00.000Z');
    expect(time(last)).toBe('9999-12-31T23:59:59.999Z');
    expect(time(first - 1)).toBeUndefined();
    expect(time(last + 1)).toBeUndefined();
  });

  describe('has an id', () => {
    const idOf = (given: Partial<Parameters<typeof eventOf>[0]>): string =>
      eventOf({ ...parties, document: stored({}), kind: 'upserted', ...given }).id;

    test('that is the same however often it is sent, also when a newer stamp was seen since', () => {
      expect(idOf({})).toBe(idOf({ document: stored({ eventTime: 5 }) }));
      expect(idOf({ replay: 'r1' })).toBe(idOf({ replay: 'r1' }));
      expect(idOf({})).toMatch(/^[0-9a-f]{64}$/);
    });

    test('that nothing else that is said has', () => {
      const said = [
        idOf({}),
        idOf({ kind: 'removed' }),
        idOf({ kind: 'deleted' }),
        idOf({ replay: 'r1' }),
        idOf({ replay: 'r2' }),
        idOf({ subscription: 'sub-2' }),
        idOf({ document: stored({ version: 4 }) }),
        idOf({ document: stored({ key: 'k2' }) }),
        idOf({ document: stored({ dataset: 'products' }) }),
        // Parts that run together.
        idOf({ document: stored({ key: 'k', version: 13 }) }),
        idOf({ document: stored({ key: 'k","1', version: 3 }) }),
      ];
      expect(new Set(said).size).toBe(said.length);
    });
  });
});

describe('an event of a subscription', () => {
  const at = '2026-01-05T00:00:00.000Z';

  test('asks for consent', () => {
    const event = confirmEventOf({ ...parties, token: 'token-1', at });
    expect(read(event)).toMatchObject({
      id: event.id,
      source: 'urn:headwater',
      type: 'headwater.subscription.confirm',
      subject: 'sub-1',
      time: at,
      data: { subscription: 'sub-1', token: 'token-1' },
    });
    expect(confirmEventOf({ ...parties, token: 'token-1', at }).id).toBe(event.id);
    expect(confirmEventOf({ ...parties, token: 'token-2', at }).id).not.toBe(event.id);
  });

  test('tests the receiver', () => {
    const event = testEventOf({ ...parties, id: 't1', at });
    expect(read(event)).toMatchObject({
      type: 'headwater.subscription.test',
      data: { subscription: 'sub-1' },
    });
    expect(testEventOf({ ...parties, id: 't2', at }).id).not.toBe(event.id);
  });

  test('tells its owner what happened', () => {
    const event = alertEventOf({ ...parties, alert: { id: 'a1', reason: 'It answered 410.', at } });
    expect(read(event)).toMatchObject({
      type: 'headwater.subscription.alert',
      time: at,
      data: { subscription: 'sub-1', reason: 'It answered 410.' },
    });
  });

  test('is told apart from the others by its id', () => {
    const ids = [
      testEventOf({ ...parties, id: 'x', at }).id,
      confirmEventOf({ ...parties, token: 'x', at }).id,
      alertEventOf({ ...parties, alert: { id: 'x', reason: '', at } }).id,
      alertEventOf({ ...parties, subscription: 'sub-2', alert: { id: 'x', reason: '', at } }).id,
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });
});
