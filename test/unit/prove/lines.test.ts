import { contentHash } from '../../../tools/lib/prove/content';
import { linesOf } from '../../../tools/lib/prove/lines';

const record = { productId: 'p-1', name: 'a,"record":b', updatedAt: '2026-03-01T12:00:00.001Z' };
const text = (origin: object, of: object = record): string => `${JSON.stringify({ origin, record: of })}\n`;
const origin = { batchId: 'r1', index: 0, receivedAt: '2026-03-01T12:00:01.000Z' };

test('lines of a packet', () => {
  const body = Buffer.from(text(origin) + text({ ...origin, batchId: 'r2' }));
  const line = {
    id: 'r1',
    receivedAt: Date.parse(origin.receivedAt),
    key: 'p-1',
    eventTime: Date.parse(record.updatedAt),
    content: contentHash(JSON.stringify(record)),
    dataset: 'products',
    schemaVersion: '1-a',
  };
  expect(linesOf(body, 'products', '1-a')).toEqual([line, { ...line, id: 'r2' }]);
});

test.each([
  ['no JSON', '{"origin":'],
  ['another index', text({ ...origin, index: 1 })],
  ['no time', text({ ...origin, receivedAt: 'soon' })],
  ['no event time', text(origin, { productId: 'p-1' })],
])('%s is none', (_, body) => {
  expect(() => linesOf(Buffer.from(body), 'products', '1-a')).toThrow();
});
