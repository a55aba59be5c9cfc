import type { Container } from '@azure/cosmos';
import { statusOf } from '../../src/clients/cosmos';
import { createDocuments } from '../../src/clients/documents';
import { mapLimited } from '../../src/clients/once';
import type { Write } from '../../src/domain/ingest/decide';
import type { Envelope, Marker } from '../../src/domain/ingest/envelope';

const marker: Marker = { id: 'b:0:0', pk: 'readings:1', type: 'marker', verdicts: [], ttl: 60 };
const writes = [7, 8].map((index): Write => ({
  type: 'create',
  index,
  envelope: { id: `d${index}` } as Envelope,
}));

/** What a commit becomes when the store answers its transactional batch like this. */
function commit(answer: () => Promise<unknown>) {
  const container = { items: { batch: answer } } as unknown as Container;
  return createDocuments(() => Promise.resolve(container)).commit(marker, writes);
}
const answering = (...statuses: number[]) =>
  commit(() =>
    Promise.resolve({
      result: statuses.map((statusCode) => ({ statusCode })),
      headers: { 'x-ms-request-charge': '12.5' },
    }),
  );
/** As the SDK wraps what went wrong with a whole batch. */
const failing = (code: unknown) =>
  commit(() =>
    Promise.reject(new Error('Batch request error', { cause: Object.assign(new Error('x'), { code }) })),
  );

describe('a transactional batch', () => {
  test.each([
    [[201, 201, 200], { type: 'committed' }],
    [[409, 424, 424], { type: 'marked' }],
    [[424, 409, 424], { type: 'conflict' }],
    [[424, 424, 412], { type: 'conflict' }],
    [[424, 404, 424], { type: 'conflict' }],
    [[424, 400, 424], { type: 'refused', index: 7 }],
    [[424, 424, 413], { type: 'refused', index: 8 }],
    [[413, 424, 424], { type: 'refused', index: undefined }],
  ])('answered %j', async (statuses, outcome) => {
    expect(await answering(...statuses)).toMatchObject({ ...outcome, requestCharge: 12.5 });
  });

  test.each([
    [[424, 429, 424], 429],
    [[449, 424, 424], 449],
    [[424, 503, 424], 503],
  ])('answered %j is thrown, to be tried again', async (statuses, code) => {
    await expect(answering(...statuses)).rejects.toMatchObject({ code });
  });

  test.each([[[]], [[201]], [[201, 201]], [[201, 201, 201, 201]]])(
    'with the answers %j is no commit: some are missing',
    async (statuses) => {
      await expect(answering(...statuses)).rejects.toThrow('of 3 operations');
    },
  );

  test('that is too large as a whole is refused, without a name', async () => {
    expect(await failing(413)).toMatchObject({ type: 'refused', index: undefined });
  });

  test.each([[429], [503], ['ECONNRESET'], [undefined]])('that fails with %s is thrown', async (code) => {
    await expect(failing(code)).rejects.toThrow('Batch request error');
  });
});

test('the status of a failure is its own, or its cause’s', () => {
  const failure = (code: unknown, cause?: unknown) => Object.assign(new Error('x', { cause }), { code });
  expect(statusOf(failure(409))).toBe(409);
  expect(statusOf(new Error('x', { cause: failure(413) }))).toBe(413);
  expect(statusOf(failure('ECONNRESET', failure(503)))).toBe(503);
  for (const none of [undefined, null, 'x', 409, new Error('x'), failure('ECONNRESET')])
    expect(statusOf(none)).toBeUndefined();
});

describe('mapLimited', () => {
  test('keeps order and limit', async () => {
    let running = 0;
    let most = 0;
    const results = await mapLimited([5, 1, 4, 2, 3], 2, async (item, index) => {
      most = Math.max(most, ++running);
      for (let turn = 0; turn < item; turn++) await Promise.resolve();
      running--;
      return `${index}:${item}`;
    });
    expect(results).toEqual(['0:5', '1:1', '2:4', '3:2', '4:3']);
    expect(most).toBe(2);
    expect(await mapLimited([], 3, () => Promise.reject(new Error('x')))).toEqual([]);
  });

  test('begins nothing more after a failure', async () => {
    const begun: number[] = [];
    const work = mapLimited([0, 1, 2, 3, 4, 5], 2, async (item) => {
      begun.push(item);
      await Promise.resolve();
      if (item === 1) throw new Error('one');
    });
    await expect(work).rejects.toThrow('one');
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    expect(begun.length).toBeLessThanOrEqual(3);
  });
});
