import * as fc from 'fast-check';
import { AnswerReader } from '../../../tools/lib/load/answer';

const read = (text: string, cuts: readonly number[] = []): unknown => {
  const bytes = Buffer.from(text, 'latin1');
  const reader = new AnswerReader();
  const places = [...cuts.map((cut) => cut % bytes.length), bytes.length].sort((a, b) => a - b);
  let last = 0;
  let answer: unknown = 'more';
  for (const place of places) {
    if (place === last) continue;
    expect(answer).toBe('more');
    answer = reader.feed(bytes.subarray(last, place));
    last = place;
  }
  return answer;
};

const withLength = (body: string): string =>
  `HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

const chunked = (parts: readonly string[]): string =>
  'HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nTransfer-Encoding: chunked\r\n\r\n' +
  `${parts.map((part) => `${part.length.toString(16)};x=1\r\n${part}\r\n`).join('')}0\r\nTrailer: 1\r\n\r\n`;

const body = fc.string({ unit: 'binary-ascii', maxLength: 40 });

test('however the bytes come, the answer is the same', () => {
  const cuts = fc.array(fc.nat(), { maxLength: 8 });
  fc.assert(
    fc.property(body, cuts, (text, cuts) => {
      expect(read(withLength(text), cuts)).toEqual({
        status: 202,
        retryAfter: undefined,
        body: text,
        close: false,
      });
    }),
  );
  fc.assert(
    fc.property(fc.array(body.filter((part) => part !== '')), cuts, (parts, cuts) => {
      expect(read(chunked(parts), cuts)).toEqual({
        status: 429,
        retryAfter: '2',
        body: parts.join(''),
        close: false,
      });
    }),
  );
});

test('answers follow each other on one connection', () => {
  const reader = new AnswerReader();
  for (const text of ['a', 'bc']) {
    expect(reader.feed(Buffer.from(withLength(text)))).toMatchObject({ body: text });
  }
});

test.each([
  [
    '100 is no answer yet',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
    { status: 204, body: '' },
  ],
  [
    'the server hangs up',
    'HTTP/1.1 503 x\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n',
    { close: true },
  ],
  ['HTTP/1.0 does so always', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', { close: true }],
])('%s', (_, text, expected) => {
  expect(read(text)).toMatchObject(expected);
});

test.each([
  ['not HTTP', 'SSH-2.0-x\r\n\r\n'],
  ['more than was asked for', `${withLength('a')}b`],
  ['no length', 'HTTP/1.1 200 OK\r\n\r\n'],
  ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
  ['a coding that is not known', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
  ['a chunk without a size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n'],
  ['too long', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(1024 * 1024)}`],
])('broken: %s', (_, text) => {
  expect(read(text)).toBe('broken');
});
