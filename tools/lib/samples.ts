import { createHash } from 'node:crypto';
import { castRow, columnTypes, readCsv } from './csv';
import { flightSamples } from './flight-samples';
import { contentTypeOf, postedText, type Manifest, type ManifestFile } from './manifest';
import { orderSamples } from './order-samples';
import { productSamples } from './product-samples';
import { rulesOf, schemaOf } from './rules';
import { SAMPLE_SEED, type SampleFile } from './sample-file';
import { tweetSamples } from './tweet-samples';
import { countVerdicts, VerdictModel } from './verdicts';

const MINUTE = 60_000;

/** All sample files, in the order in which they are meant to be ingested. */
export function sampleFiles(): SampleFile[] {
  return [...productSamples(), ...tweetSamples(), ...orderSamples(), ...flightSamples()];
}

/** The records of what is posted, in order; undefined for a row that cannot be read. */
export function recordsIn(text: string, format: SampleFile['format'], dataSet: string): unknown[] {
  if (format === 'json') return JSON.parse(text) as unknown[];
  if (format === 'ndjson')
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
  const types = columnTypes(schemaOf(dataSet));
  const { header, rows } = readCsv(text);
  return rows.map((row) => ('cells' in row ? castRow(header, row.cells, types) : undefined));
}

/** What `data/manifest.json` says of the files, its expectations worked out by {@link VerdictModel}. */
export function manifestOf(files: readonly SampleFile[]): Manifest {
  const dataSets = [...new Set(files.map(({ dataSet }) => dataSet))];
  const models = new Map(dataSets.map((dataSet) => [dataSet, new VerdictModel(rulesOf(dataSet))]));
  const entries = files.map((file, at): ManifestFile => {
    const { path, dataSet, format, contentEncoding, images, bad } = file;
    const text = postedText(file);
    const records = recordsIn(text, images === undefined ? format : 'ndjson', dataSet);
    // Any clock that reads the files will do: all good event times have passed, the bad ones never will.
    const receivedAt = new Date(Date.parse('2026-07-01T00:00:00Z') + at * MINUTE).toISOString();
    const verdicts = models.get(dataSet)?.ingest(records, receivedAt) ?? [];
    return {
      path,
      dataSet,
      format,
      contentType: contentTypeOf(file),
      ...(contentEncoding === undefined ? {} : { contentEncoding }),
      ...(images === undefined ? {} : { images }),
      records: records.length,
      bytes: Buffer.byteLength(text),
      sha256: createHash('sha256').update(text).digest('hex'),
      expected: { ...countVerdicts(verdicts), deadLettered: 0, notApplied: 0 },
      bad,
    };
  });
  const after = Object.fromEntries([...models].map(([dataSet, model]) => [dataSet, model.totals()]));
  return { seed: SAMPLE_SEED, files: entries, after };
}
