import { orderRows, orders, type OrderRow } from '../../tools/lib/orders';
import { ordersCsv } from '../../tools/lib/superstore';

const SUPERSTORE = `"Row ID","Order ID","Order Date","Postal Code","Sub-Category","Product Name","Sales"
1,"CA-2016-152156",2016-11-08,42420,"Bookcases","Bush Somerset Bookcase",261.96
187,"CA-2016-105018",2016-11-28,6824,"Binders","Avery 11"" Binder, blue",7.16
`;

test('the columns get new names, postal codes their zeros, and cells quotes where they need them', () => {
  expect(ordersCsv(SUPERSTORE)).toBe(
    [
      'row_id,order_id,order_date,postal_code,sub_category,product_name,sales',
      '1,CA-2016-152156,2016-11-08,42420,Bookcases,Bush Somerset Bookcase,261.96',
      '187,CA-2016-105018,2016-11-28,06824,Binders,"Avery 11"" Binder, blue",7.16',
      '',
    ].join('\r\n'),
  );
});

test('what is not superstore.csv is not taken for it', () => {
  expect(() => ordersCsv('a,b\n1,2\n')).toThrow('superstore.csv');
  expect(() => ordersCsv(`${SUPERSTORE}1,2\n`)).toThrow('Line 4');
});

test('the known rows are 9,994, each with an id of its own', () => {
  const rows = orderRows();
  expect(rows).toHaveLength(9_994);
  expect(new Set(rows.map(({ row_id }) => row_id)).size).toBe(9_994);
  expect(rows[0]).toMatchObject({ row_id: 1, order_date: '2016-11-08', sales: 261.96, quantity: 2 });
  const sums = rows.reduce((sum, { sales, profit }) => [sum[0]! + sales, sum[1]! + profit], [0, 0]);
  // The totals that every analysis of this data set begins with.
  expect(sums.map(Math.round)).toEqual([2_297_201, 286_397]);
});

test('generated rows are known ones under new ids', () => {
  const withoutId = (row: OrderRow): string => JSON.stringify({ ...row, row_id: 0 });
  const known = new Set(orderRows().map(withoutId));
  const made = [...orders({ seed: 4, count: 500 })];
  expect(made.filter((row) => !known.has(withoutId(row)))).toEqual([]);
  expect(made.map(({ row_id }) => row_id)).toEqual(made.map((_, number) => 1_000_000 + number));
});
