import { parseNcrontab } from '../../../local/functions/ncrontab';

const next = (expression: string, after: string): string | undefined => {
  const time = parseNcrontab(expression).next(Date.parse(after));
  return time === undefined ? undefined : new Date(time).toISOString();
};

describe('NCRONTAB', () => {
  test.each([
    ['0 */5 * * * *', '2026-11-22T03:05:00.000Z', '2026-11-22T03:10:00.000Z'],
    ['0 */5 * * * *', '2026-11-22T03:04:59.999Z', '2026-11-22T03:05:00.000Z'],
    ['* * * * * *', '2026-11-22T03:05:00.500Z', '2026-11-22T03:05:01.000Z'],
    ['0 0 * * * *', '2026-11-22T23:00:01.000Z', '2026-11-23T00:00:00.000Z'],
    ['0 30 9 * * MON-FRI', '2026-11-20T09:30:00.000Z', '2026-11-23T09:30:00.000Z'],
    ['0 30 9 * JAN Mon', '2026-11-22T00:00:00.000Z', '2027-01-04T09:30:00.000Z'],
    ['0 0 0 29 2 *', '2026-11-22T00:00:00.000Z', '2028-02-29T00:00:00.000Z'],
    ['0 0 12 * * 7', '2026-11-22T12:00:00.000Z', '2026-11-29T12:00:00.000Z'],
    ['10,20-22,50/5 0 0 1 1 *', '2026-01-01T00:00:22.000Z', '2026-01-01T00:00:50.000Z'],
    ['5 4 * * *', '2026-11-22T04:05:00.000Z', '2026-11-23T04:05:00.000Z'],
    ['0 0 0 30 2 *', '2026-11-22T00:00:00.000Z', undefined],
  ])('%s after %s', (expression, after, expected) => {
    expect(next(expression, after)).toBe(expected);
  });

  test.each([
    '',
    '* * *',
    '60 * * * * *',
    '* * * 0 * *',
    '*/0 * * * * *',
    '5-1 * * * * *',
    'x * * * * *',
    '1-2-3 * * * * *',
  ])('refuses "%s"', (expression) => {
    expect(() => parseNcrontab(expression)).toThrow(/is no schedule/);
  });
});
