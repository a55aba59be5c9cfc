import type { DataSet } from '../../domain/dataset';
import type { BatchHeader } from '../../domain/ingest/batch';
import { chunkName } from '../../domain/ingest/names';
import type { ChunkRecord } from '../../domain/ingest/split';
import { validateRecord, type QuarantinedRecord, type ValidRecord } from '../../domain/ingest/validation';
import type { Json } from '../../domain/json';
import { keyOf } from '../../domain/keys';
import { readChunk, type ChunkTask } from './chunks';
import type { IngestDeps } from './deps';
import { fromLines, knownAs, mustExist, toLines } from './lines';
import { claimMedia } from './media';

export interface ChunkValidation {
  readonly valid: number;
  readonly quarantined: number;
}

/**
 * Validates a chunk: schema, event time, size; media move to blobs of their own. A function of the body, the
 * schema's version and the time of receipt. The result is stored once, and what is stored is what counts.
 */
export function createValidateChunk(deps: Pick<IngestDeps, 'blobs' | 'schemas'>) {
  return async function validateChunk(task: ChunkTask): Promise<ChunkValidation> {
    const { batch, chunk } = task;
    const name = chunkName(batch.id, chunk);
    const { valid, lines, quarantined } = await validateAll(deps, batch, await readChunk(deps, task));
    // First the quarantine, then the file that makes it count.
    if (quarantined.length > 0) await deps.blobs.create('quarantine', name, toLines(quarantined));
    const metadata = { valid: String(valid.length), quarantined: String(quarantined.length) };
    const outcome = await deps.blobs.create('validated', name, knownAs(Buffer.from(lines), valid), {
      metadata,
    });
    if (outcome === 'created') return { valid: valid.length, quarantined: quarantined.length };
    return countsIn(name, await deps.blobs.metadata('validated', name));
  };
}

async function validateAll(
  { blobs, schemas }: Pick<IngestDeps, 'blobs' | 'schemas'>,
  batch: BatchHeader,
  records: readonly ChunkRecord[],
): Promise<{ valid: ValidRecord[]; lines: string; quarantined: QuarantinedRecord[] }> {
  const { dataset, check } = await schemas.at(batch.dataset, batch.schemaVersion);
  const receivedAt = Date.parse(batch.receivedAt);
  const valid: ValidRecord[] = [];
  let lines = '';
  const quarantined: QuarantinedRecord[] = [];
  for (const { index, group, record } of records) {
    const claimed = dataset.media.length > 0 ? await claimMedia(blobs, dataset, record) : { record };
    const result =
      'errors' in claimed
        ? { errors: claimed.errors, key: nameOf(record, dataset) }
        : validateRecord(claimed.record, { index, group }, dataset, receivedAt, check);
    if ('valid' in result) {
      valid.push(result.valid);
      lines += lineOf(result.valid, result.json);
    } else
      quarantined.push({
        index,
        key: result.key,
        schemaVersion: batch.schemaVersion,
        errors: result.errors,
        record,
      });
  }
  return { valid, lines, quarantined };
}

/** A line of the validated chunk; the record's own text is there already. */
function lineOf({ index, group, key, eventTime, deleted, hash }: ValidRecord, json: string): string {
  return `${JSON.stringify({ index, group, key, eventTime, deleted, hash }).slice(0, -1)},"data":${json}}\n`;
}

function nameOf(record: Json, dataset: DataSet): string | null {
  const key = keyOf(record, dataset.key);
  return 'key' in key ? key.key : null;
}

function countsIn(name: string, metadata: Record<string, string> | undefined): ChunkValidation {
  const counts = { valid: Number(metadata?.['valid']), quarantined: Number(metadata?.['quarantined']) };
  if (Number.isSafeInteger(counts.valid) && Number.isSafeInteger(counts.quarantined)) return counts;
  throw new Error(`The validated chunk ${name} does not tell how many records it holds.`);
}

/** Reads the stored result of {@link createValidateChunk}. */
export async function readValidated(
  { blobs }: Pick<IngestDeps, 'blobs'>,
  batchId: string,
  chunk: number,
): Promise<readonly ValidRecord[]> {
  const name = chunkName(batchId, chunk);
  return fromLines<ValidRecord>(mustExist(await blobs.read('validated', name), `Validated chunk ${name}`));
}
