import { readFile, stat } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { parse } from 'csv-parse/sync';
import { csvRow, endOf, type CsvCutter, type Row } from './csv';
import { InputError } from './input-error';
import { countBreaks, MAX_RECORD_BYTES, type Framing, type Piece, type Pieces } from './pieces';

/** Images that lie beside a CSV file, and go into its records. */
export interface ImageOptions {
  /** Folder of the images. */
  readonly dir: string;
  /** Column that holds an image's file name. */
  readonly column: string;
  /** Column that takes its place and holds the image in base64. */
  readonly field: string;
}

/** The longest image: in base64 it is a third longer. */
const MAX_IMAGE_BYTES = Math.floor(((MAX_RECORD_BYTES - 64 * 1024) / 4) * 3);

/**
 * Puts images into the rows of a CSV file, one row at a time: each is read when its row is asked for. A row without a
 * file name has no image. Rows that are no good CSV are handed on as they are, for the API to refuse.
 * Iterating throws {@link InputError} when an image is missing.
 */
export function withImages(cutter: CsvCutter, rows: Pieces, options: ImageOptions): Pieces {
  let open: Buffer | undefined;
  return {
    framing: (): Framing => ({ ...rows.framing(), open: open ?? rows.framing().open }),
    pieces: (async function* () {
      let column: number | undefined;
      for await (const some of rows.pieces) {
        for (const row of some as readonly Row[]) {
          if (column === undefined) {
            const header = cutter.header ?? [];
            column = columnOf(header, options);
            open = csvRow(header.with(column, options.field), endOf(rows.framing().open));
          }
          yield [await joined(row, column, cutter.header?.length ?? 0, options)];
        }
      }
    })(),
  };
}

function columnOf(header: readonly string[], { column, field }: ImageOptions): number {
  // The API takes the space around a name away.
  const names = header.map((name) => name.trim());
  const at = names.indexOf(column);
  if (at === -1)
    throw new InputError(`The header has no column "${column}". It has: ${names.join(', ')}.`, 1);
  if (field !== column && names.includes(field))
    throw new InputError(`The header already has a column "${field}".`, 1);
  return at;
}

async function joined(row: Row, column: number, width: number, options: ImageOptions): Promise<Piece> {
  const name = row.cells[column] ?? '';
  if (row.cells.length !== width || name === '' || !isGood(row)) return row;
  const base64 = (await imageOf(name, row.line ?? 0, options.dir)).toString('base64');
  const bytes = csvRow(row.cells.with(column, base64), endOf(row.bytes));
  return { bytes, line: row.line, breaks: countBreaks(bytes) };
}

/** Whether its quotes are right: written anew, a row of which they are not would look as if they were. */
function isGood({ bytes }: Row): boolean {
  if (!bytes.includes('"')) return true;
  try {
    parse(bytes, { record_delimiter: ['\r\n', '\n'] });
    return true;
  } catch {
    return false;
  }
}

async function imageOf(name: string, line: number, dir: string): Promise<Buffer> {
  const folder = resolve(dir);
  const file = resolve(folder, name);
  // A table of records must not send other files of this machine.
  if (!file.startsWith(folder.endsWith(sep) ? folder : folder + sep) || name.includes('\0'))
    throw new InputError(`The image "${name}" lies outside of ${dir}.`, line);
  try {
    const { size } = await stat(file);
    if (size > MAX_IMAGE_BYTES)
      throw new InputError(`The image ${file} has ${size} bytes; ${MAX_IMAGE_BYTES} are the most.`, line);
    return await readFile(file);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`The image ${file} cannot be read: ${(error as Error).message}`, line);
  }
}
