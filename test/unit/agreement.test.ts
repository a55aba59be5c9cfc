import { disagreements } from '../../tools/lib/agreement';
import type { Held } from '../../tools/lib/holdings';
import type { StoredDocument } from '../../tools/lib/recount';

const stored = (
  key: string,
  version: number,
  data: Record<string, unknown>,
  deleted = false,
): StoredDocument => ({
  id: key,
  pk: 'a:b:7',
  data,
  _hw: {
    key,
    version,
    deleted,
    hash: '',
    maker: { batchId: '', index: 0, schemaVersion: '' },
    newest: { eventTime: 0, receivedAt: 0, batchId: '', index: 0 },
  },
});

const held = (subject: string, version: number, kind: Held['kind'], data?: unknown): Held => ({
  subscription: 's',
  dataset: 'a:b',
  subject,
  version,
  kind,
  data,
});

test('a consumer that holds what is stored agrees, and may know nothing of what is gone', () => {
  const all = [stored('x', 2, { n: 1 }), stored('y', 3, {}, true), stored('z', 1, {}, true)];
  expect(disagreements(all, [held('x', 2, 'upserted', { n: 1 }), held('y', 3, 'deleted')])).toEqual([]);
  // It came back and was deleted again before anybody was told: no news.
  expect(disagreements([stored('x', 4, {}, true)], [held('x', 2, 'deleted')])).toEqual([]);
});

test.each<[string, StoredDocument[], Held[]]>([
  ['never told', [stored('x', 1, {})], []],
  ['an older version', [stored('x', 2, {})], [held('x', 1, 'upserted', {})]],
  ['taken back', [stored('x', 2, {})], [held('x', 2, 'removed')]],
  ['other content', [stored('x', 2, { n: 1 })], [held('x', 2, 'upserted', { n: 2 })]],
  ['a deletion that was not told', [stored('x', 2, {}, true)], [held('x', 1, 'upserted', {})]],
  ['not there', [], [held('x', 1, 'upserted', {})]],
])('%s is a disagreement', (_, documents, consumer) => {
  expect(disagreements(documents, consumer)).toHaveLength(1);
});

test('what is no content is left out', () => {
  const documents = [stored('x', 1, { n: 1, at: '2' })];
  const consumer = [held('x', 1, 'upserted', { n: 1, at: '1' })];
  const contentOf = (data: unknown): unknown => ({ ...(data as object), at: undefined });
  expect(disagreements(documents, consumer, contentOf)).toEqual([]);
  expect(disagreements(documents, consumer)).toHaveLength(1);
});

test('what is no content may differ from one data set to another', () => {
  const documents = [stored('x', 1, { n: 1 })];
  const consumer = [held('x', 1, 'upserted', { n: 2 })];
  const contentOf = (data: unknown, dataset: string): unknown => (dataset === 'a:b' ? undefined : data);
  expect(disagreements(documents, consumer, contentOf)).toEqual([]);
});
