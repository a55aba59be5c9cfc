import type { HttpRequest } from '@azure/functions';
import { listVerdicts, readQuarantine, readVerdicts } from '../../activities/ingest/verdictFile';
import type { ChunkVerdicts } from '../../domain/ingest/batch';
import { chunkName } from '../../domain/ingest/names';
import type { QuarantinedRecord } from '../../domain/ingest/validation';
import { VERDICTS, type RecordVerdict, type Verdict } from '../../domain/ingest/verdict';
import { Problem } from '../../domain/problem';
import type { Blobs } from '../../clients/blobs';
import { choiceParameter, integerParameter, page, type Handler } from '../http';
import type { TriggerDeps } from './deps';
import { batchOf } from './getBatch';

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;
const TOKEN = 'continuationToken';

/** Where a page begins: a chunk, and a place among its verdicts. */
interface Position {
  readonly chunk: number;
  readonly offset: number;
}

/** `GET /api/batches/{batchId}/records`: the verdict of each record, chunk by chunk. */
export function createGetRecords(deps: TriggerDeps): Handler {
  return async (request) => {
    const verdict = choiceParameter(request, 'verdict', VERDICTS);
    const size = integerParameter(request, 'maxpagesize', DEFAULT_PAGE, MAX_PAGE);
    const from = positionOf(request);
    const { batch } = await batchOf(request, deps);
    const files = (await listVerdicts(deps.blobs, batch.id)).toSorted((a, b) => a.chunk - b.chunk);
    const { value, next } = await readPage(deps.blobs, batch.id, files, verdict, from, size);
    return page(value, next && nextLink(request, next));
  };
}

async function readPage(
  blobs: Blobs,
  batchId: string,
  files: readonly ChunkVerdicts[],
  verdict: Verdict | undefined,
  from: Position,
  size: number,
): Promise<{ value: object[]; next?: Position }> {
  const value: object[] = [];
  for (const { chunk, counts } of files) {
    if (chunk < from.chunk || (verdict && counts[verdict] === 0)) continue;
    const name = chunkName(batchId, chunk);
    const all = await readVerdicts(blobs, name);
    const matching = verdict ? all.filter((one) => one.verdict === verdict) : all;
    const offset = chunk === from.chunk ? from.offset : 0;
    const part = matching.slice(offset, offset + size - value.length);
    const quarantine = part.some((one) => one.verdict === 'quarantined')
      ? await readQuarantine(blobs, name)
      : [];
    const reasons = new Map(quarantine.map((record) => [record.index, record]));
    value.push(...part.map((one) => describeVerdict(one, reasons.get(one.index))));
    if (value.length === size) return { value, next: { chunk, offset: offset + part.length } };
  }
  return { value };
}

export function describeVerdict(verdict: RecordVerdict, quarantined: QuarantinedRecord | undefined): object {
  if (!quarantined) return verdict;
  const { line, schemaVersion, errors, record } = quarantined;
  return { ...verdict, ...(line === undefined ? {} : { line }), schemaVersion, errors, record };
}

function positionOf(request: HttpRequest): Position {
  const token = request.query.get(TOKEN);
  if (token === null) return { chunk: 0, offset: 0 };
  const match = /^(\d{1,9})-(\d{1,9})$/.exec(token);
  if (match) return { chunk: Number(match[1]), offset: Number(match[2]) };
  throw new Problem('invalid-parameter', `"${TOKEN}" must be one that a nextLink holds.`, {
    parameter: TOKEN,
  });
}

function nextLink(request: HttpRequest, { chunk, offset }: Position): string {
  const url = new URL(request.url);
  url.searchParams.set(TOKEN, `${chunk}-${offset}`);
  return url.href;
}
