import { batchesOf } from './batches';
import { Closing } from './closing';
import { CsvCutter } from './csv';
import { withImages } from './images';
import { InputError } from './input-error';
import { JsonArrayCutter } from './json-array';
import { NDJSON_FRAMING, NdjsonCutter } from './ndjson';
import type { Input, ProduceOptions } from './options';
import { piecesOf, type Cutter, type Piece, type Pieces } from './pieces';
import { Posting } from './posting';
import { Run } from './run';
import { openSource, withoutBom } from './source';
import type { Summary } from './summary';
import { SURROUNDINGS, type Surroundings } from './surroundings';
import { upload } from './upload';

/**
 * Sends records to Headwater: cuts them into batches, posts these under keys that follow from their content, and waits
 * until they are closed. What goes wrong on the way is in the summary, not thrown. Never more than a few batches are in
 * memory.
 */
export async function produce(
  options: ProduceOptions,
  surroundings: Surroundings = SURROUNDINGS,
): Promise<Summary> {
  const run = new Run(options, surroundings);
  const closing = new Closing(run);
  try {
    if (run.settings.mode === 'upload') await upload(run, closing);
    else await post(run, closing);
    await closing.all();
    run.ended();
    return run.summary(await closing.rejects.first());
  } finally {
    run.dispose();
  }
}

async function post(run: Run, closing: Closing): Promise<void> {
  const { batchRecords, batchBytes, input } = run.settings;
  const opened = await open(input, run).catch((error: unknown) => {
    if (!(error instanceof InputError)) throw error;
    run.fail({ kind: 'input', message: error.message });
    return undefined;
  });
  if (!opened) return;
  run.stop.signal.addEventListener('abort', () => opened.close(), { once: true });
  try {
    const batches = batchesOf(opened.pieces, { records: batchRecords, bytes: batchBytes });
    await new Posting(run, closing).all(batches);
    if (run.readAll && run.batches.length === 0)
      run.fail({ kind: 'input', message: `${run.summary([]).input} holds no record.` });
  } finally {
    opened.close();
  }
}

async function open(input: Input, run: Run): Promise<{ pieces: Pieces; close(): void }> {
  if (input.kind === 'records') {
    let made = 0;
    run.read = () => made;
    run.total = input.count;
    return { pieces: linesOf(input.records, () => made++), close: () => undefined };
  }
  const source = await openSource(input.file, input.as.encoding);
  run.read = source.read;
  run.total = source.total;
  const cutter = CUTTERS[input.as.format]();
  const pieces = piecesOf(cutter, withoutBom(source.chunks));
  return {
    pieces: input.images && cutter instanceof CsvCutter ? withImages(cutter, pieces, input.images) : pieces,
    close: () => source.close(),
  };
}

const CUTTERS: Readonly<Record<'ndjson' | 'json' | 'csv', () => Cutter>> = {
  ndjson: () => new NdjsonCutter(),
  json: () => new JsonArrayCutter(),
  csv: () => new CsvCutter(),
};

/** Records that are no file, as NDJSON. */
function linesOf(records: Iterable<unknown> | AsyncIterable<unknown>, made: () => void): Pieces {
  const pieces = async function* (): AsyncGenerator<readonly Piece[]> {
    for await (const record of records) {
      made();
      yield [{ bytes: Buffer.from(`${JSON.stringify(record)}\n`), line: undefined, breaks: 1 }];
    }
  };
  return { framing: () => NDJSON_FRAMING, pieces: pieces() };
}
