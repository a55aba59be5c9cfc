import { mapLimited } from '../../clients/once';
import type { BatchHeader } from '../../domain/ingest/batch';
import type { Media } from '../../domain/ingest/media';
import { chunkName, splitName } from '../../domain/ingest/names';
import type { ChunkRecord } from '../../domain/ingest/split';
import { validateRecord, type QuarantinedRecord, type ValidRecord } from '../../domain/ingest/validation';
import { Turns } from '../turns';
import { readChunk, type ChunkTask } from './chunks';
import type { IngestDeps } from './deps';
import { fromLines, knownAs, lineWith, mustExist, toLines } from './lines';

export interface ChunkValidation {
  readonly valid: number;
  readonly quarantined: number;
}

type Deps = Pick<IngestDeps, 'blobs' | 'schemas' | 'uploads'>;

const MEDIA_AT_A_TIME = 8;

/**
 * Validates a chunk: schema, event time, size; media move to blobs of their own. A function of the body, the
 * schema's version and the time of receipt. The result is stored once, and what is stored is what counts.
 * @param read gives the records of the chunk
 */
export function createValidateChunk(
  deps: Deps,
  read: (deps: Deps, task: ChunkTask) => Promise<readonly ChunkRecord[]> = readChunk,
) {
  return async function validateChunk(task: ChunkTask): Promise<ChunkValidation> {
    const { batch, chunk } = task;
    const name = chunkName(batch.id, chunk);
    const { valid, lines, quarantined, media } = await validateAll(deps, batch, await read(deps, task));
    // First the media and the quarantine, then the file that makes them count.
    await mapLimited([...media.values()], MEDIA_AT_A_TIME, ({ name: blob, content, contentType }) =>
      deps.blobs.create('media', blob, content, { contentType }),
    );
    if (quarantined.length > 0) await deps.blobs.create('quarantine', name, toLines(quarantined));
    const metadata = { valid: String(valid.length), quarantined: String(quarantined.length) };
    const outcome = await deps.blobs.create('validated', name, knownAs(Buffer.from(lines), valid), {
      metadata,
    });
    if (task.chunks > 1) deps.blobs.forget('chunks', splitName(batch, chunk));
    if (outcome === 'created') return { valid: valid.length, quarantined: quarantined.length };
    return countsIn(name, await deps.blobs.metadata('validated', name));
  };
}

interface ValidatedChunk {
  readonly valid: readonly ValidRecord[];
  readonly lines: string;
  readonly quarantined: readonly QuarantinedRecord[];
  /** of valid records, by name: the same content is stored once */
  readonly media: ReadonlyMap<string, Media>;
}

async function validateAll(
  { schemas }: Deps,
  batch: BatchHeader,
  records: readonly ChunkRecord[],
): Promise<ValidatedChunk> {
  const { dataset, check } = await schemas.at(batch.dataset, batch.schemaVersion);
  const { schemaVersion } = batch;
  const receivedAt = Date.parse(batch.receivedAt);
  const valid: ValidRecord[] = [];
  let lines = '';
  const quarantined: QuarantinedRecord[] = [];
  const media = new Map<string, Media>();
  const turns = new Turns();
  for (const raw of records) {
    if (turns.isOver) await turns.next();
    const { index, group, line, record } = raw;
    const result = validateRecord(raw, { index, group }, dataset, receivedAt, check);
    if ('valid' in result) {
      valid.push(result.valid);
      lines += lineOf(result.valid, result.json);
      for (const one of result.media) media.set(one.name, one);
    } else {
      const { key, errors } = result;
      quarantined.push({
        index,
        ...(line === undefined ? {} : { line }),
        key,
        schemaVersion,
        errors,
        record,
      });
    }
  }
  return { valid, lines, quarantined, media };
}

/** A line of the validated chunk; the record's own text is there already. */
function lineOf(record: ValidRecord, json: string): string {
  const { data: _, ...others } = record;
  return lineWith(others, 'data', json);
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
