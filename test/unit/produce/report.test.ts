import { PassThrough } from 'node:stream';
import { progressView } from '../../../tools/lib/produce/progress';
import { reportText } from '../../../tools/lib/produce/report';
import { noCounts, refusedAt, type Summary } from '../../../tools/lib/produce/summary';
import { Places } from '../../../tools/lib/produce/places';
import { pauseMs, retryAfterMs } from '../../../tools/lib/produce/retry';

const SUMMARY: Summary = {
  dataset: 'products',
  to: 'http://127.0.0.1:7071',
  input: 'a.csv',
  mode: 'post',
  readAll: true,
  interrupted: false,
  accepted: 25,
  counts: { ...noCounts(), upserted: 24, quarantined: 1 },
  requestCharge: 1234.4,
  batches: [
    { number: 1, first: 0, records: 10, state: 'accepted', batchId: 'b1' },
    { number: 2, first: 10, records: 10, state: 'accepted', batchId: 'b2' },
    { number: 3, first: 20, records: 5, state: 'accepted', batchId: 'b3' },
  ],
  replayed: 1,
  open: 0,
  repeats: 2,
  seconds: 2.04,
  recordsPerSecond: 12.25,
  rejected: [
    {
      record: 12,
      line: 14,
      batchId: 'b2',
      index: 2,
      key: 'P-1',
      verdict: 'quarantined',
      errors: [{ pointer: '/price', message: 'must be a number' }],
    },
  ],
};

describe('the summary for people', () => {
  test('has the figures, and the records that did not land', () => {
    const text = reportText(SUMMARY);
    expect(text).toMatch(/accepted +upserted +unchanged +stale +quarantined +deadLettered +notApplied +RU/);
    expect(text).toMatch(/records +25 +24 +0 +0 +1 +0 +0 +1,234 +2\.0 +12/);
    expect(text).toContain('3 batches accepted.\nAccepted before: 1.');
    expect(text).toContain('Requests that had to be repeated: 2.');
    expect(text).toContain(
      '  a.csv:14  record 12  quarantined  key P-1  batch b2 index 2\n    /price  must be a number',
    );
  });

  test('says what was sent and what not', () => {
    const text = reportText({
      ...SUMMARY,
      readAll: false,
      failure: {
        kind: 'refused',
        status: 400,
        code: 'malformed-body',
        detail: 'No.',
        batch: 3,
        record: 21,
        line: 23,
      },
      batches: [
        ...SUMMARY.batches.slice(0, 2),
        { number: 3, first: 20, records: 10, state: 'refused' },
        { number: 4, first: 30, records: 10, state: 'unanswered' },
        { number: 5, first: 40, records: 10, state: 'accepted' },
      ],
    });
    expect(text).toContain('a.csv:23 (record 21): 400 malformed-body: No.');
    expect(text).toContain('Accepted: records 0 to 19, records 40 to 49.');
    expect(text).toContain('Refused: records 20 to 29.');
    expect(text).toContain('records 30 to 39.');
    expect(text).toContain('Nothing from record 50 on was sent.');
  });

  test('of a dry run speaks of what would be', () => {
    const text = reportText({ ...SUMMARY, mode: 'validate', replayed: 0 });
    expect(text).toContain('would not land');
    expect(text).toContain('examined');
    expect(text).not.toContain('RU');
  });

  test('holds no control characters of strangers', () => {
    const [record] = SUMMARY.rejected;
    const rejected = record
      ? [{ ...record, key: '\u001b[2J', errors: [{ pointer: '/\r', message: '\u202e' }] }]
      : [];
    const text = reportText({
      ...SUMMARY,
      rejected,
      failure: { kind: 'input', message: 'a\u001b]0;b\u0007' },
    });
    // oxlint-disable-next-line no-control-regex -- they are what is looked for
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });
});

describe('progress', () => {
  test('is a line now and then where nobody watches', () => {
    const stream = new PassThrough();
    let time = 0;
    const view = progressView(stream, () => time);
    const progress = { read: 500, total: 1000, accepted: 3000, closed: 2000 };
    for (time = 0; time <= 25_000; time += 1_000) view.show(progress);
    view.show({ ...progress, total: undefined, closed: 0 });
    view.stop();
    const text = String(stream.read());
    expect(text).toBe('50 % read, 3,000 records accepted, 2,000 closed\n'.repeat(2));
  });

  test('is a bar where somebody does, and leaves nothing behind', () => {
    const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
    const view = progressView(stream);
    view.show({ read: 10, total: 1000, accepted: 0, closed: 0 });
    view.show({ read: 2000, total: 1000, accepted: 30, closed: 10 });
    view.stop();
    expect(String(stream.read())).toContain('30 records accepted, 10 closed');
  });
});

describe('pauses', () => {
  const now = Date.parse('2026-01-05T06:00:00Z');

  test.each([
    ['0', 0],
    [' 120 ', 120_000],
    ['Mon, 05 Jan 2026 06:00:30 GMT', 30_000],
    ['Mon, 05 Jan 2026 05:00:00 GMT', 0],
    ['-1', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['', undefined],
    [null, undefined],
  ])('Retry-After: %s', (header, expected) => expect(retryAfterMs(header, now)).toBe(expected));

  test('grow up to a limit, and are random', () => {
    expect([1, 2, 3, 20].map((failures) => pauseMs(failures, 0.5))).toEqual([250, 500, 1000, 15_000]);
    expect(pauseMs(3, 0, 7_000)).toBe(7_000);
  });
});

test('a place that nobody can name is left out', () => {
  const refusal = { status: 400, code: 'malformed-body', detail: 'No.' };
  const places = new Places(10, [11, 12, 13], 2, [1, 1, 1]);
  expect(refusedAt(refusal, 2, places)).toEqual({ kind: 'refused', ...refusal, batch: 2 });
  // The header is repeated in every body.
  expect(refusedAt({ ...refusal, line: 1 }, 2, places)).toEqual({ kind: 'refused', ...refusal, batch: 2 });
  expect(refusedAt({ ...refusal, line: 4 }, 2, places)).toMatchObject({ record: 11, line: 12 });
});
