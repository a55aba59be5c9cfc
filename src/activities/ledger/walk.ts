import type { ListedBlob } from '../../clients/blobs';
import { isClosed, type Batch } from '../../domain/ingest/batch';
import { chunkNumber } from '../../domain/ingest/names';
import { checkBatch, type BatchCheck, type VerdictFile } from '../../domain/ledger/batches';
import type { LedgerFault } from '../../domain/ledger/faults';
import { describeVerdicts } from '../ingest/verdictFile';
import type { LedgerDeps } from './deps';

type WalkDeps = Pick<LedgerDeps, 'blobs' | 'batches'>;

/** Batches of one query. */
const BATCHES = 200;

/** A batch with its verdict files, or what was found instead of one. */
export type Walked =
  | { readonly type: 'batch'; readonly batch: Batch; readonly check: BatchCheck }
  | { readonly type: 'fault'; readonly fault: LedgerFault };

/** Verdict files of the batches after `after`, up to and with `upTo` (undefined: to the last). */
interface Window {
  readonly after: string;
  readonly upTo: string | undefined;
  readonly files: ReadonlyMap<string, readonly ListedBlob[]>;
}

const batchOf = (name: string): string => name.slice(0, name.lastIndexOf('/'));

/**
 * Goes along the listing of all verdict files and along the batches, both in the order of the batches' ids, some at a
 * time. Of each batch the files are listed before its document is read: what is written in between is then counted as in
 * flight, not twice or never. What seems to be missing is listed once more.
 * @param size verdict files taken at a time
 */
export async function* walkBatches(deps: WalkDeps, size: number): AsyncGenerator<Walked> {
  for await (const window of windowsOf(deps, size)) {
    const unclaimed = new Map(window.files);
    for (let after = window.after; ;) {
      const page = await deps.batches.byId(after, window.upTo, BATCHES);
      for (const { batch } of page) {
        yield await checked(deps, batch, unclaimed.get(batch.id) ?? []);
        unclaimed.delete(batch.id);
      }
      if (page.length < BATCHES) break;
      after = page.at(-1)?.batch.id ?? '';
    }
    for (const [id, files] of unclaimed) {
      const found = await deps.batches.read(id);
      if (found) yield await checked(deps, found.batch, files);
      else yield { type: 'fault', fault: missingBatch(id, files.length) };
    }
  }
}

async function* windowsOf({ blobs }: WalkDeps, size: number): AsyncGenerator<Window> {
  let after = '';
  let files = new Map<string, ListedBlob[]>();
  let count = 0;
  let last = '';
  for await (const blob of blobs.list('verdicts', '')) {
    const id = batchOf(blob.name);
    if (count >= size && id !== last) {
      yield { after, upTo: last, files };
      [after, files, count] = [last, new Map(), 0];
    }
    const own = files.get(id);
    if (own) own.push(blob);
    else files.set(id, [blob]);
    count++;
    last = id;
  }
  yield { after, upTo: undefined, files };
}

async function checked(deps: WalkDeps, batch: Batch, listed: readonly ListedBlob[]): Promise<Walked> {
  const { files, faults } = await describe(deps, batch, listed);
  const check = checkBatch(batch, files);
  if (isClosed(batch.status) && check.missing.length > 0) {
    const again: ListedBlob[] = [];
    for await (const blob of deps.blobs.list('verdicts', `${batch.id}/`)) again.push(blob);
    if (again.length > listed.length) return checked(deps, batch, again);
  }
  // A file that does not tell its counts is not missing.
  const unread = new Set(faults.map(({ chunk }) => chunk));
  const others = check.faults.filter(({ chunk }) => chunk === undefined || !unread.has(chunk));
  return { type: 'batch', batch, check: { ...check, faults: [...faults, ...others] } };
}

async function describe(
  { blobs }: WalkDeps,
  { id: batchId, dataset }: Batch,
  listed: readonly ListedBlob[],
): Promise<{ files: VerdictFile[]; faults: LedgerFault[] }> {
  const files: VerdictFile[] = [];
  const faults: LedgerFault[] = [];
  for (const blob of listed) {
    const file = await describeVerdicts(blobs, blob);
    if (file) files.push(file);
    else {
      const detail = 'The file does not tell its counts.';
      faults.push({ code: 'verdicts-differ', dataset, batchId, chunk: chunkNumber(blob.name), detail });
    }
  }
  return { files, faults };
}

const missingBatch = (batchId: string, files: number): LedgerFault => ({
  code: 'missing-batch',
  batchId,
  detail: `There ${files === 1 ? 'is one verdict file' : `are ${files} verdict files`}, and no document.`,
});
