/** Where a record is in the input. */
export interface Place {
  /** Counted from 0 through the whole input, as the API counts in a batch. */
  readonly record: number;
  /** Line of the file on which it begins, from 1; undefined when there is no file, or its lines were not looked at. */
  readonly line: number | undefined;
}

/** Leads from the records and lines of a batch's body back to those of the file. */
export class Places {
  private readonly lines: readonly number[] | number | undefined;

  /**
   * @param first record of the input that the batch begins with
   * @param lines of the file, one for each record; none when there are none
   * @param header lines of the body before its first record
   * @param breaks line feeds that each record brings into the body
   */
  constructor(
    readonly first: number,
    lines: readonly number[],
    private readonly header = 0,
    private readonly breaks: readonly number[] = [],
  ) {
    this.lines = compact(lines);
    if (typeof this.lines === 'number' && breaks.every((count) => count === 1)) this.breaks = [];
  }

  /** @param index of the record in its batch, from 0 */
  ofRecord(index: number): Place {
    const line = typeof this.lines === 'number' ? this.lines + index : this.lines?.[index];
    return { record: this.first + index, line };
  }

  /** @param line of the body, from 1. Lines of a repeated header belong to no record: undefined. */
  ofLine(line: number): Place | undefined {
    let into = line - 1 - this.header;
    if (into < 0) return undefined;
    let index = 0;
    for (; into >= (this.breaks[index] ?? 1); index++) into -= this.breaks[index] ?? 1;
    const place = this.ofRecord(index);
    return { ...place, line: place.line === undefined ? undefined : place.line + into };
  }
}

/** One number stands for lines that follow each other, as they mostly do: places are kept while a batch is open. */
function compact(lines: readonly number[]): readonly number[] | number | undefined {
  const [first] = lines;
  return first !== undefined && lines.every((line, index) => line === first + index) ? first : lines;
}
