import { orderRows } from '../../tools/lib/orders';
import { rulesOf } from '../../tools/lib/rules';
import { tile, TILES } from '../../tools/lib/tiles';
import { tweet } from '../../tools/lib/tweets';
import { VerdictModel, type Verdict } from '../../tools/lib/verdicts';

const ingest = (dataset: string, ...batches: unknown[][]): Verdict[][] => {
  const model = new VerdictModel(rulesOf(dataset));
  return batches.map((records) => model.ingest(records, '2018-06-01T12:00:00Z'));
};

describe('images', () => {
  const one = tweet(1, 1);
  const jpeg = tile(TILES[0]!).toString('base64');
  const withImage = (image_base64: unknown) => ({ ...one, image_base64 });

  test('are content, however they are sent', () => {
    const other = tile(TILES[1]!).toString('base64');
    expect(
      ingest(
        'tweets',
        [withImage(jpeg)],
        [withImage(`data:image/jpeg;base64,${jpeg}`)],
        [withImage(other)],
        [one],
      ),
    ).toEqual([['upserted'], ['unchanged'], ['upserted'], ['upserted']]);
  });

  test.each([
    ['no base64', `${jpeg.slice(0, 8)}*${jpeg.slice(9)}`],
    ['cut', jpeg.slice(0, -1)],
    ['with a line feed', `${jpeg}\n`],
    ['text', Buffer.from('hello').toString('base64')],
    ['a PNG', Buffer.from('\x89PNG\r\n\x1a\n....', 'latin1').toString('base64')],
    ['a data URL of another type', `data:image/png;base64,${jpeg}`],
    ['a number', 7],
    ['empty', ''],
  ])('%s are none', (_, image) => {
    expect(ingest('tweets', [withImage(image)])).toEqual([['quarantined']]);
  });
});

test('an id as a number and the same digits as text are one key', () => {
  const [small, text] = [
    { ...tweet(1, 1), tweet_id: 42 },
    { ...tweet(1, 1), tweet_id: '42' },
  ];
  expect(ingest('tweets', [small, text])).toEqual([['stale', 'upserted']]);
  expect(ingest('tweets', [small], [text])).toEqual([['upserted'], ['upserted']]);
});

test('days are midnights in UTC, and may be a day ahead', () => {
  const on = (order_date: string, quantity = 1, row_id = 1) => ({
    ...orderRows()[0],
    row_id,
    order_date,
    quantity,
  });
  expect(ingest('orders', [on('2018-06-02'), on('2018-06-03', 1, 2)])).toEqual([['upserted', 'quarantined']]);
  expect(
    ingest('orders', [on('2018-01-02')], [on('2018-01-01', 2)], [on('2018-01-02', 3)], [on('2018-01-03', 3)]),
  ).toEqual([['upserted'], ['stale'], ['upserted'], ['unchanged']]);
});

test('a row that could not be read is quarantined', () => {
  expect(ingest('orders', [undefined, orderRows()[0]])).toEqual([['quarantined', 'upserted']]);
});
