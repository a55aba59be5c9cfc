import { parse, type CsvError, type Parser } from 'csv-parse';
import { CONTENT_TYPES } from './formats';
import { InputError } from './input-error';
import {
  countBreaks,
  CR,
  LF,
  MAX_RECORD_BYTES,
  NOTHING,
  tooLong,
  type Cut,
  type Cutter,
  type Framing,
  type Piece,
} from './pieces';

/** A row as it stands in the file, and its cells. */
export interface Row extends Piece {
  readonly cells: readonly string[];
}

/** Where a row ends: bytes from the beginning of the content. */
interface End {
  readonly at: number;
  readonly cells: readonly string[];
}

/**
 * The rows of a CSV file (RFC 4180); the first is the header, which every body repeats. Rows are handed on as the
 * bytes they are: their cells are cast, and what is wrong with one row is found, by the API. Only a quote that is never
 * closed is a fault here, since nobody can say where its row ends.
 */
export class CsvCutter implements Cutter {
  /** Cells of the header, once there is a row. */
  header: readonly string[] | undefined;
  private open: Buffer = NOTHING;
  private readonly parser: Parser;
  private ends: End[] = [];
  private failure: CsvError | undefined;
  /** What was fed, from `keptFrom` on: the rows that have not ended. */
  private kept: Buffer = NOTHING;
  private unjoined: Buffer[] = [];
  private keptFrom = 0;
  private line = 1;

  constructor() {
    this.parser = parse({
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      record_delimiter: ['\r\n', '\n'],
      max_record_size: MAX_RECORD_BYTES,
      on_record: (cells: string[], { bytes }) => {
        this.ends.push({ at: bytes, cells });
        // Nobody reads the parser's own output.
        return null;
      },
    });
    // It comes to the callbacks of `write` and `end`, too.
    this.parser.on('error', () => undefined);
    this.parser.resume();
  }

  get framing(): Framing {
    return { contentType: CONTENT_TYPES.csv, open: this.open, separator: NOTHING, close: NOTHING };
  }

  async feed(chunk: Buffer): Promise<Cut> {
    this.unjoined.push(chunk);
    await new Promise<void>((resolve) => this.parser.write(chunk, this.settled(resolve)));
    return this.cut();
  }

  async end(): Promise<Cut> {
    await new Promise<void>((resolve) => this.parser.end(this.settled(resolve)));
    return this.cut();
  }

  private settled(resolve: () => void): (error?: Error | null) => void {
    return (error) => {
      if (error) this.failure ??= error as CsvError;
      resolve();
    };
  }

  private cut(): Cut {
    const ends = this.ends;
    this.ends = [];
    const pieces: Row[] = [];
    if (ends.length > 0) {
      this.kept = Buffer.concat([this.kept, ...this.unjoined]);
      this.unjoined = [];
    }
    for (const { at, cells } of ends) {
      const row = this.row(at, cells);
      if (this.header !== undefined) {
        pieces.push(row);
        continue;
      }
      this.header = cells;
      this.open = row.bytes;
    }
    return this.failure ? { pieces, fault: this.fault(this.failure) } : { pieces };
  }

  private row(at: number, cells: readonly string[]): Row {
    const bytes = this.kept.subarray(0, at - this.keptFrom);
    this.kept = this.kept.subarray(bytes.length);
    this.keptFrom = at;
    const blank = blankBytes(bytes);
    const line = this.line + countBreaks(bytes.subarray(0, blank));
    const own = bytes.subarray(blank);
    const breaks = countBreaks(own);
    this.line = line + breaks;
    if (own.at(-1) === LF) return { bytes: own, line, breaks, cells };
    // The last row of a file: it ends as the header does, since a reader may take its line ends from there.
    return { bytes: Buffer.concat([own, Buffer.from(endOf(this.open))]), line, breaks: breaks + 1, cells };
  }

  private fault(error: CsvError): InputError {
    const rest = Buffer.concat([this.kept, ...this.unjoined]);
    const line = this.line + countBreaks(rest.subarray(0, blankBytes(rest)));
    if (error.code === 'CSV_QUOTE_NOT_CLOSED')
      return new InputError('A quote is opened in the row that begins here, and is never closed.', line);
    return error.code === 'CSV_MAX_RECORD_SIZE' ? tooLong(line) : new InputError(error.message, line);
  }
}

/** Length of the empty lines at the beginning. */
function blankBytes(bytes: Buffer): number {
  let at = 0;
  for (;;) {
    if (bytes[at] === LF) at++;
    else if (bytes[at] === CR && bytes[at + 1] === LF) at += 2;
    else return at;
  }
}

/** How a row ends. */
export function endOf(row: Buffer): '\n' | '\r\n' {
  return row.at(-1) === LF && row.at(-2) === CR ? '\r\n' : '\n';
}

/** A row of CSV with its end. */
export function csvRow(cells: readonly string[], end: '\n' | '\r\n'): Buffer {
  // A single empty cell would be an empty line.
  const text = cells.length === 1 && cells[0] === '' ? '""' : cells.map(csvCell).join(',');
  return Buffer.from(text + end);
}

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
