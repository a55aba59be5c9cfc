import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type { HttpRequest, InvocationContext } from '@azure/functions';
import type { OutgoingRecord } from '../../../src/clients/packets';
import { loadSchemas, type Schemas } from '../../../src/clients/schemas';
import { recordLine } from '../../../src/domain/ingress/packet';
import { readRecordId } from '../../../src/domain/ingress/recordId';
import type { Json } from '../../../src/domain/json';
import { bucketOf } from '../../../src/domain/keys';
import { Problem } from '../../../src/domain/problem';
import { answering } from '../../../src/triggers/http';
import type { IngressTriggerDeps } from '../../../src/triggers/ingress/deps';
import { createPostRecords, MAX_BYTES, MAX_LINE_BYTES } from '../../../src/triggers/ingress/postRecords';

const SECRET = 's'.repeat(32);
const NOW = new Date('2026-03-01T12:00:00.000Z');
const PARTITIONS = ['0', '1', '2'];

const SCHEMA = {
  'x-headwater': {
    version: 1,
    key: '/id',
    eventTime: { pointer: '/at', format: 'date-time', allowedSkewSeconds: 60 },
    media: [{ pointer: '/picture', contentType: 'image/png' }],
  },
  type: 'object',
  properties: {
    id: { type: 'string' },
    at: { type: 'string' },
    size: { type: 'integer' },
    picture: { type: 'string' },
    numbers: { type: 'array', items: { type: 'number' } },
    text: { type: 'string' },
  },
  required: ['id', 'at'],
};

let folder: string;
let schemas: Schemas;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'headwater-door-'));
  writeFileSync(join(folder, 'readings.json'), JSON.stringify(SCHEMA));
  schemas = loadSchemas(folder, {
    create: () => Promise.resolve('created'),
    read: () => Promise.resolve(undefined),
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Door {
  readonly sent: OutgoingRecord[];
  post(body: Buffer | string, more?: { type?: string; dataset?: string; encoding?: string }): Promise<Answer>;
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: Record<string, string>;
  readonly document: Record<string, unknown>;
}

const context = {
  error: () => undefined,
  functionName: 'postRecords',
  invocationId: 'i',
} as unknown as InvocationContext;

interface Faults {
  readonly publish?: (record: OutgoingRecord) => Promise<void>;
  readonly partitions?: () => Promise<string[]>;
  /** The backlog is at its bound. */
  readonly full?: boolean;
}

function open({ publish, partitions, full = false }: Faults = {}): Door {
  const sent: OutgoingRecord[] = [];
  const deps = {
    ingest: { schemas, config: { signingKey: SECRET }, now: () => NOW },
    ingress: { hub: { partitions: partitions ?? (() => Promise.resolve(PARTITIONS)) } },
    priority: { note: () => undefined },
    pressure: {
      admit: () => {
        if (full) throw new Problem('overloaded', 'Too much waits.', {}, { 'Retry-After': '7' });
      },
    },
    packets: {
      publish: async (record: OutgoingRecord) => {
        await publish?.(record);
        sent.push(record);
      },
    },
  } as unknown as IngressTriggerDeps;
  const handler = answering(createPostRecords(deps));
  return {
    sent,
    async post(body, { type = 'application/json', dataset = 'readings', encoding } = {}) {
      const headers = new Headers({ 'content-type': type });
      if (encoding !== undefined) headers.set('content-encoding', encoding);
      const request = {
        params: { dataset },
        headers,
        query: new Map(),
        body: Readable.from([Buffer.from(body)]),
      };
      return answerOf(await handler(request as unknown as HttpRequest, context));
    },
  };
}

const answerOf = ({ status, headers, body }: Awaited<ReturnType<ReturnType<typeof answering>>>): Answer => ({
  status,
  headers: headers as Record<string, string>,
  document: JSON.parse(body as string) as Record<string, unknown>,
});

const reading = (id: string, more: object = {}): object => ({ id, at: '2026-03-01T11:00:00Z', ...more });
const many = (count: number): string =>
  JSON.stringify(Array.from({ length: count }, (_, at) => reading(`r${at}`)));
const recordIn = ({ line }: OutgoingRecord): Json => (JSON.parse(line) as { record: Json }).record;

describe('POST records', () => {
  test('one record is accepted under an id that tells its place', async () => {
    const door = open();
    const { status, document } = await door.post(JSON.stringify(reading('a', { size: 1 })));
    expect([status, Object.keys(document)]).toEqual([202, ['id']]);
    const id = String(document['id']);
    const [only] = door.sent;
    const partition = PARTITIONS[bucketOf('a') % 3];
    expect(readRecordId(SECRET, id)).toEqual({ receivedAt: NOW.getTime(), partition });
    expect(only).toEqual({
      partition,
      dataset: 'readings',
      schemaVersion: schemas.all.get('readings')?.schemaVersion,
      receivedAt: NOW.getTime(),
      line: recordLine(id, NOW.toISOString(), JSON.stringify(reading('a', { size: 1 }))),
    });
  });

  test.each([1, 2, 100])('an array of %i is accepted, each under its own id, in order', async (count) => {
    const door = open();
    const { status, document } = await door.post(many(count));
    const ids = document['ids'] as string[];
    expect([status, Object.keys(document), new Set(ids).size]).toEqual([202, ['ids'], count]);
    const lines = new Map(door.sent.map((one) => [one.line.slice(22, 61), one]));
    expect(ids.map((id) => recordIn(lines.get(id) as OutgoingRecord))).toEqual(JSON.parse(many(count)));
  });

  test.each<[string, Buffer | string, number, string]>([
    ['101 records', many(101), 413, 'batch-too-large'],
    ['no record', '[]', 400, 'empty-batch'],
    ['nothing', '', 400, 'malformed-body'],
    ['no JSON', '{"id":', 400, 'malformed-body'],
    ['two values', '{}{}', 400, 'malformed-body'],
    ['broken UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400, 'malformed-body'],
    ['a number beyond a double', '{"id":"a","at":1e400}', 400, 'malformed-body'],
    ['deep nesting', '['.repeat(2_000) + ']'.repeat(2_000), 400, 'malformed-body'],
    ['very deep nesting', '['.repeat(400_000), 400, 'malformed-body'],
    ['more bytes than allowed', ' '.repeat(MAX_BYTES + 1), 413, 'batch-too-large'],
    ['null', 'null', 400, 'invalid-records'],
    ['a number', '5', 400, 'invalid-records'],
    ['an array in an array', '[[]]', 400, 'invalid-records'],
  ])('%s is refused, and nothing is sent', async (_, body, expected, code) => {
    const door = open();
    const { status, document, headers } = await door.post(body);
    expect([status, document['code'], headers['Content-Type']]).toEqual([
      expected,
      code,
      'application/problem+json',
    ]);
    expect(door.sent).toEqual([]);
  });

  test('of invalid records every error is told, and none of the others is accepted', async () => {
    const door = open();
    const bad = [
      reading('a'),
      { at: 5 },
      reading('c'),
      reading('d', { size: 'x', at: '2026-03-01T13:00:00Z' }),
    ];
    const { status, document } = await door.post(JSON.stringify(bad));
    expect([status, document['code']]).toEqual([400, 'invalid-records']);
    const error = (pointer: string, keyword: string): unknown => ({
      pointer,
      keyword,
      message: expect.any(String) as string,
    });
    expect(document['records']).toEqual([
      { index: 1, errors: [error('', 'required'), error('/at', 'type')] },
      { index: 3, errors: [error('/size', 'type')] },
    ]);
    expect(door.sent).toEqual([]);
    const late = await door.post(JSON.stringify(reading('a', { at: '2026-03-01T12:01:00.001Z' })));
    expect(late.document['records']).toEqual([{ index: 0, errors: [error('/at', 'eventTime')] }]);
  });

  test('however a record is written, it is one line', async () => {
    const door = open();
    const text = 'a\u2028b\u0000\n"}\ud83d\ude00';
    await door.post(`\uFEFF${JSON.stringify(reading('a', { text }), null, '\r\n\t')}`);
    await door.post('{"id":"b","id":"c","at":"2026-03-01T11:00:00Z","__proto__":{"x":1},"constructor":2}');
    await door.post(gzipSync(many(1)), { encoding: 'gzip', type: 'Application/JSON; charset=utf-8' });
    expect(door.sent.map(({ line }) => [line.indexOf('\n'), line.length - 1])).toEqual(
      door.sent.map(({ line }) => [line.length - 1, line.length - 1]),
    );
    expect(door.sent.map(recordIn)).toEqual([
      reading('a', { text }),
      // The last one of two members counts, and none is special.
      JSON.parse('{"id":"c","at":"2026-03-01T11:00:00Z","__proto__":{"x":1},"constructor":2}'),
      reading('r0'),
    ]);
    expect(door.sent[1]?.line).toContain('"__proto__":{"x":1}');
  });

  test('what is longer as it is stored than an event may be is refused', async () => {
    const door = open();
    const numbers = Array.from({ length: 40_000 }, () => '1e20').join();
    const picture = Buffer.from(`\x89PNG\r\n\x1a\n${'x'.repeat(300_000)}`, 'latin1').toString('base64');
    const body = `{"id":"a","at":"2026-03-01T11:00:00Z","picture":"${picture}","numbers":[${numbers}]}`;
    expect(body.length).toBeLessThan(MAX_BYTES);
    // In an array it is written anew.
    const { status, document } = await door.post(`[${body}]`);
    expect([status, document['code'], document['limit']]).toEqual([413, 'batch-too-large', MAX_LINE_BYTES]);
    expect(door.sent).toEqual([]);
    expect(await door.post(body)).toMatchObject({ status: 202 });
  });

  test('other content types and unknown data sets are refused', async () => {
    const door = open();
    expect(await door.post('{}', { type: 'application/x-ndjson' })).toMatchObject({
      status: 415,
      document: { supported: ['application/json'] },
    });
    expect(await door.post('{}', { dataset: '__proto__' })).toMatchObject({ status: 404 });
  });

  test('when too much waits, no more is taken', async () => {
    const door = open({ full: true });
    expect(await door.post(many(1))).toMatchObject({
      status: 429,
      headers: { 'Retry-After': '7' },
      document: { code: 'overloaded' },
    });
    expect(door.sent).toEqual([]);
  });

  test('it is answered when the hub has all of it', async () => {
    const gate = Promise.withResolvers<void>();
    let answered = false;
    const door = open({ publish: ({ line }) => (line.includes('"r1"') ? gate.promise : Promise.resolve()) });
    const answer = door.post(many(3)).finally(() => (answered = true));
    await new Promise(setImmediate);
    expect([door.sent.length, answered]).toEqual([2, false]);
    gate.resolve();
    expect((await answer).status).toBe(202);
  });

  test.each<[string, Faults]>([
    [
      'refuses one of the records',
      {
        publish: ({ line }) =>
          line.includes('"r1"')
            ? Promise.reject(Object.assign(new Error('x'), { code: 'ServerBusyError' }))
            : Promise.resolve(),
      },
    ],
    [
      'does not tell its partitions',
      { partitions: () => Promise.reject(Object.assign(new Error('x'), { code: 'ServerBusyError' })) },
    ],
  ])('when the hub %s, the request may be sent again', async (_, faults) => {
    const { status, document, headers } = await open(faults).post(many(3));
    expect([status, document['code'], headers['Retry-After']]).toEqual([503, 'store-unavailable', '1']);
    expect(document['detail']).toContain('ServerBusyError');
  });
});
