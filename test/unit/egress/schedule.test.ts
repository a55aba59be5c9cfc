import { MAX_WAIT_MS, retryAfterMs, waitBefore } from '../../../src/domain/egress/schedule';
import { fc } from '../../support/properties';

const usual = { firstWaitMs: 15_000, waitFactor: 4 };
const policy = fc.record({
  firstWaitMs: fc.integer({ min: 0, max: MAX_WAIT_MS }),
  waitFactor: fc.integer({ min: 1, max: 100 }),
});
const failures = fc.integer({ min: 1, max: 100_000 });
const random = fc.double({ min: 0, max: 1, noNaN: true });

describe('the pause after a failure', () => {
  test('grows fourfold from 15 s: seven of them take 22.75 hours', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7].map((failures) => waitBefore(failures, usual, 0.5));
    expect(waits.map((ms) => ms / 1_000)).toEqual([15, 60, 240, 960, 3_840, 15_360, 61_440]);
    expect(waits.reduce((sum, ms) => sum + ms) / 3_600_000).toBeCloseTo(22.75, 2);
  });

  test('is moved by up to a fifth either way', () => {
    expect(waitBefore(1, usual, 0)).toBe(12_000);
    expect(waitBefore(1, usual, 1)).toBe(18_000);
    fc.assert(
      fc.property(policy, failures, random, (policy, failures, random) => {
        const middle = waitBefore(failures, policy, 0.5);
        const wait = waitBefore(failures, policy, random);
        expect(Number.isSafeInteger(wait)).toBe(true);
        expect(Math.abs(wait - middle)).toBeLessThanOrEqual(middle * 0.2 + 1);
      }),
    );
  });

  test('grows with every failure up to a day, and never shrinks', () => {
    fc.assert(
      fc.property(policy, failures, random, (policy, failures, random) => {
        const wait = waitBefore(failures, policy, random);
        const next = waitBefore(failures + 1, policy, random);
        expect(next).toBeGreaterThanOrEqual(wait);
        expect(next).toBeLessThanOrEqual(MAX_WAIT_MS * 1.2);
      }),
    );
    expect(waitBefore(100_000, usual, 0.5)).toBe(MAX_WAIT_MS);
  });
});

describe('Retry-After', () => {
  // From RFC 9110, section 5.6.7.
  const example = Date.UTC(1994, 10, 6, 8, 49, 37);

  test.each([
    ['0', 0],
    ['120', 120_000],
    [' 120 ', 120_000],
    ['86400', MAX_WAIT_MS],
    ['86401', MAX_WAIT_MS],
    ['9'.repeat(400), MAX_WAIT_MS],
  ])('%s in seconds', (header, expected) => {
    expect(retryAfterMs(header, example)).toBe(expected);
  });

  test.each(['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'])(
    '%s as a date',
    (header) => {
      expect(retryAfterMs(header, example - 90_000)).toBe(90_000);
      expect(retryAfterMs(header, example + 1)).toBe(0);
      expect(retryAfterMs(header, example - MAX_WAIT_MS - 1)).toBe(MAX_WAIT_MS);
    },
  );

  test('a year of two digits is the nearest that is not more than 50 years ahead', () => {
    const at = Date.UTC(2099, 11, 31, 23, 59, 0);
    expect(retryAfterMs('Thursday, 31-Dec-99 23:59:30 GMT', at)).toBe(30_000);
    expect(retryAfterMs('Friday, 31-Dec-49 23:59:30 GMT', Date.UTC(2026, 0, 1))).toBe(MAX_WAIT_MS);
    expect(retryAfterMs('Friday, 31-Dec-99 23:59:30 GMT', Date.UTC(2026, 0, 1))).toBe(0);
  });

  test('every date in the usual form is read', () => {
    const ms = fc.integer({ min: Date.UTC(100, 0), max: Date.UTC(9999, 11) }).map((n) => n - (n % 1_000));
    fc.assert(
      fc.property(ms, fc.integer({ min: 0, max: MAX_WAIT_MS }), (at, before) => {
        expect(retryAfterMs(new Date(at).toUTCString(), at - before)).toBe(before);
      }),
    );
  });

  test.each([
    undefined,
    '',
    ' ',
    '-1',
    '+1',
    '1.5',
    '1e3',
    '0x10',
    '१२',
    '10 s',
    'soon',
    'tomorrow',
    '2026-01-01T00:00:00Z',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 24:49:37 GMT',
    'Sun, 06 Nob 1994 08:49:37 GMT',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT, 120',
    'Sun, 06 Nov 0094 08:49:37 GMT',
    `Sun, 06 Nov ${'9'.repeat(10_000)} 08:49:37 GMT`,
  ])('%j is ignored', (header) => {
    expect(retryAfterMs(header, example)).toBeUndefined();
  });

  test('whatever comes is a pause of at most a day, or nothing', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...Array.from('0189 ,:-+.eGMTSunNov\0é')) }),
        fc.nat(),
        (header, now) => {
          const wait = retryAfterMs(header, now);
          expect(wait === undefined || (wait >= 0 && wait <= MAX_WAIT_MS)).toBe(true);
        },
      ),
    );
  });
});
