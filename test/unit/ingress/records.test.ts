import { randomUUID } from 'node:crypto';
import { frame } from '../../../src/domain/ingest/framing/framing';
import { fitting, MAX_CLAIM_BYTES, propose } from '../../../src/domain/ingress/claim';
import {
  bytesOf,
  lineOfRecord,
  packetOf,
  recordLine,
  type IngressEvent,
} from '../../../src/domain/ingress/packet';
import { makeRecordId, readRecordId } from '../../../src/domain/ingress/recordId';
import type { Json } from '../../../src/domain/json';
import { fc } from '../../support/properties';

const SECRET = 's'.repeat(32);
const AT = '2026-03-01T12:00:00.000Z';

describe('the id of a record', () => {
  test('tells when it was received, and by which partition', () => {
    fc.assert(
      fc.property(fc.nat(4_102_444_800_000), fc.nat(1_295), fc.uuid(), (receivedAt, number, random) => {
        const place = { receivedAt, partition: String(number) };
        const id = makeRecordId(SECRET, place, random);
        expect(id).toMatch(/^[0-9a-z]{39}$/);
        expect(readRecordId(SECRET, id)).toEqual(place);
      }),
    );
  });

  test('that was altered, cut or made elsewhere tells nothing', () => {
    const id = makeRecordId(SECRET, { receivedAt: Date.parse(AT), partition: '3' }, randomUUID());
    const altered = Array.from(
      id,
      (letter, at) => id.slice(0, at) + (letter === '0' ? '1' : '0') + id.slice(at + 1),
    );
    const others = [
      id.slice(1),
      id.slice(0, -1),
      `${id}0`,
      ` ${id}`,
      `${id}\n`,
      id.toUpperCase(),
      '',
      'é'.repeat(39),
    ];
    for (const one of [...altered, ...others]) expect(readRecordId(SECRET, one)).toBeUndefined();
    expect(readRecordId('t'.repeat(32), id)).toBeUndefined();
    expect(readRecordId(SECRET, id)).toBeDefined();
  });

  test.each(['-1', '1.5', '1e2', '1296', 'a', ''])('has no place for the partition "%s"', (partition) => {
    expect(() => makeRecordId(SECRET, { receivedAt: 0, partition }, randomUUID())).toThrow(RangeError);
  });
});

const line = (id: string, record: Json = { id }): string => recordLine(id, AT, JSON.stringify(record));

function event(sequenceNumber: number, body: Buffer | string, properties: object = {}): IngressEvent {
  const records = body.toString().split('\n').length - 1;
  const own = { dataset: 'readings', schemaVersion: '1+0123abcd', records, from: 5, to: 7, ...properties };
  return { sequenceNumber, enqueuedAt: 0, body: Buffer.from(body), properties: own };
}

describe('an event', () => {
  test('of the door is a packet, and its records are found in it', () => {
    const body = line('a') + line('b', { text: '"}\n' }) + line('c');
    expect(packetOf(event(0, body))).toEqual({
      body: Buffer.from(body),
      properties: { dataset: 'readings', schemaVersion: '1+0123abcd', records: 3, from: 5, to: 7 },
    });
    const whole = Buffer.from(body);
    expect(['a', 'b', 'c', 'd', ''].map((id) => lineOfRecord(whole, id))).toEqual([
      0,
      1,
      2,
      undefined,
      undefined,
    ]);
    expect(lineOfRecord(whole.subarray(0, -30), 'c')).toBe(2);
    expect(lineOfRecord(Buffer.from('{"ori'), 'c')).toBeUndefined();
  });

  test.each<[string, IngressEvent]>([
    ['shorter than a line begins', event(0, 'Hello', { records: 1 })],
    ['that ends within the beginning of a line', event(0, `${line('a')}{"ori`, { records: 2 })],
    ['with another number of lines', event(0, line('a'), { records: 2 })],
    ['whose last line does not end', event(0, line('a').slice(0, -1), { records: 1 })],
    ['without a record', event(0, '', { records: 0 })],
    ['with other lines', event(0, `${line('a')}{"id":1}\n`)],
    ['whose data set cannot be one', event(0, line('a'), { dataset: '../archive' })],
    ['whose data set has two lines', event(0, line('a'), { dataset: 'a\nb' })],
    ['whose schema version cannot be one', event(0, line('a'), { schemaVersion: '1+a/../b' })],
    ['whose number of records is text', event(0, line('a'), { records: '1' })],
    ['whose times are none', event(0, line('a'), { from: Number.NaN })],
    ['whose times are turned round', event(0, line('a'), { from: 8 })],
    ['without properties', { ...event(0, line('a')), properties: {} }],
  ])('%s is foreign', (_, one) => {
    expect(packetOf(one)).toBeUndefined();
    expect(propose({ epoch: 'e', partition: '0' }, 0, [one], new Date(0)).claim).toMatchObject({
      first: 0,
      last: 0,
      parts: [],
      foreign: 1,
    });
  });

  test('of any bytes and properties is claimed', () => {
    const value = fc.oneof(fc.constantFrom('readings', '1+0123abcd', 1, 2, 5), fc.anything());
    const names = ['dataset', 'schemaVersion', 'records', 'from', 'to'];
    const properties = fc.dictionary(fc.constantFrom(...names), value);
    const body = fc.array(fc.constantFrom(line('a'), '{"origin":', '\n', 'x')).map((parts) => parts.join(''));
    fc.assert(
      fc.property(body, properties, (text, given) => {
        const one = { ...event(4, text), properties: given };
        const { claim, bodies } = propose({ epoch: 'e', partition: '0' }, 4, [one], new Date(0));
        expect([claim.last, claim.parts.length + claim.foreign, bodies.length]).toEqual([
          4,
          1,
          claim.parts.length,
        ]);
      }),
    );
  });

  test('has a body, whatever kind of bytes the platform hands over', () => {
    const bytes = new Uint8Array([0, 104, 105]).subarray(1);
    expect(
      [bytes, Buffer.from('hi'), 'hi', { hi: 1 }, undefined].map((body) => bytesOf(body).toString()),
    ).toEqual(['hi', 'hi', '', '', '']);
  });
});

describe('a claim', () => {
  test('has the events from the first on that fit and follow one another', () => {
    const numbers = (events: readonly IngressEvent[]): number[] =>
      fitting(events).map(({ sequenceNumber }) => sequenceNumber);
    const half = Buffer.alloc(MAX_CLAIM_BYTES / 2);
    const more = Buffer.alloc(MAX_CLAIM_BYTES + 1);
    expect(numbers([3, 4, 6, 7].map((number) => event(number, '')))).toEqual([3, 4]);
    expect(numbers([event(3, half), event(4, half), event(5, 'x')])).toEqual([3, 4]);
    expect(numbers([event(3, more), event(4, '')])).toEqual([3]);
    expect(numbers([event(3, ''), event(4, more)])).toEqual([3]);
    expect(numbers([])).toEqual([]);
  });

  test('has a batch for each data set and schema, with the records in order', () => {
    const other = { schemaVersion: '2+0123abcd', from: 1, to: 9 };
    const events = [
      event(2, line('a') + line('b')),
      event(3, line('c'), other),
      event(4, 'Hello'),
      event(5, line('d'), { from: 2, to: 6 }),
    ];
    const { claim, bodies } = propose({ epoch: 'e', partition: '0' }, 1, events, new Date(AT));
    expect(claim).toMatchObject({
      first: 1,
      last: 5,
      claimedAt: AT,
      foreign: 1,
      parts: [
        { dataset: 'readings', schemaVersion: '1+0123abcd', records: 3, from: 2, to: 7 },
        { dataset: 'readings', schemaVersion: '2+0123abcd', records: 1, from: 1, to: 9 },
      ],
    });
    expect(bodies.map(String)).toEqual([line('a') + line('b') + line('d'), line('c')]);
    expect(new Set(claim.parts.map(({ batchId }) => batchId)).size).toBe(2);
  });
});

test('lines that only look like the door’s spoil no other one of their batch', () => {
  const begin = '{"origin":{"batchId":"';
  const spoilt = [
    `${begin}x`,
    `${begin}x","index":0,"receivedAt":"${AT}"}}`,
    `${begin}x","index":"0","receivedAt":"${AT}"},"record":{}}`,
    `${begin}x","index":0,"receivedAt":"yesterday"},"record":{}}`,
    `${begin}x","index":0,"receivedAt":1},"record":{}}`,
    `${begin}x","index":0,"receivedAt":"${AT}"},"record":${'['.repeat(1_001)}${']'.repeat(1_001)}}`,
  ];
  const body = Buffer.concat([
    Buffer.from(line('a') + spoilt.map((text) => `${text}\n`).join('')),
    Buffer.from([...Buffer.from(begin), 0xff, 0x0a]),
    Buffer.from(line('b')),
  ]);
  const framed = frame(body, 'records', {}, 100);
  const origin = { index: 0, receivedAt: AT };
  expect(framed).toEqual({
    ok: true,
    records: [
      { record: { id: 'a' }, origin: { ...origin, batchId: 'a' } },
      ...spoilt.map((record) => ({ record })),
      { record: `${begin}\uFFFD` },
      { record: { id: 'b' }, origin: { ...origin, batchId: 'b' } },
    ],
  });
});
