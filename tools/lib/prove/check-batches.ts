import type { Verdict } from '../../../src/domain/ingest/verdict';
import type { ClaimedBatch } from './check-claims';
import type { BatchFact, Facts, Line, VerdictLine } from './facts';
import type { Findings } from './findings';

/** A record that has landed, and what became of it. */
export interface Landed {
  readonly line: Line;
  readonly batchId: string;
  readonly verdict: Verdict;
  readonly version?: number;
}

export type VerdictCounts = Partial<Record<Verdict, number>>;

export interface Batches {
  readonly counts: VerdictCounts;
  readonly landed: readonly Landed[];
}

const LANDED = new Set<Verdict>(['upserted', 'unchanged', 'stale']);

/** Every claimed record is in the archive of its batch, and has one verdict there; every batch is claimed. */
export function checkBatches(
  { batches }: Facts,
  claimed: readonly ClaimedBatch[],
  findings: Findings,
): Batches {
  const found = new Map(batches.map((batch) => [batch.id, batch]));
  const counts: VerdictCounts = {};
  const landed: Landed[] = [];
  const named = new Set<string>();
  for (const { batchId, lines } of claimed) {
    const batch = found.get(batchId);
    if (named.has(batchId)) findings.add('claim-overlap', `Batch ${batchId} is in two claims.`, lines[0]);
    named.add(batchId);
    if (!batch) {
      for (const { id, key } of lines)
        findings.add('missing-batch', `Its batch ${batchId} is not there.`, { id, key });
      continue;
    }
    checkBatch(batch, lines, findings);
    for (const one of verdictsOf(batch, lines, findings)) {
      counts[one.verdict] = (counts[one.verdict] ?? 0) + 1;
      landed.push(one);
    }
  }
  for (const { id } of batches)
    if (!named.has(id)) findings.add('claim-differs', `Batch ${id} is of no claim.`);
  return { counts, landed };
}

function checkBatch(
  { id, status, accepted, archived }: BatchFact,
  lines: readonly Line[],
  findings: Findings,
): void {
  if (status === 'accepted' || status === 'running')
    findings.add('open-batch', `Batch ${id} is ${status}.`, lines[0]);
  if (accepted !== lines.length)
    findings.add(
      'claim-differs',
      `Batch ${id} has accepted ${accepted} records, and was claimed with ${lines.length}.`,
    );
  if (!archived)
    return findings.add('missing-archive', `The archive of batch ${id} is not there, or damaged.`, lines[0]);
  if (archived.length !== lines.length)
    findings.add(
      'archive-differs',
      `The archive of batch ${id} has ${archived.length} of ${lines.length} records.`,
    );
  lines.forEach((line, index) => {
    const kept = archived[index];
    if (kept?.id !== line.id || kept.content !== line.content || kept.receivedAt !== line.receivedAt)
      findings.add('archive-differs', `Line ${index} of the archive of batch ${id} is not this record.`, {
        id: line.id,
        key: line.key,
      });
  });
}

function verdictsOf(
  { id: batchId, verdicts }: BatchFact,
  lines: readonly Line[],
  findings: Findings,
): Landed[] {
  const byIndex = new Map<number, VerdictLine>();
  for (const verdict of verdicts) {
    const line = lines[verdict.index];
    const where = `Batch ${batchId}, record ${verdict.index}`;
    const names = line ? { id: line.id, key: line.key } : {};
    if (!line) findings.add('unexplained-verdict', `${where} has a verdict, and is none of its records.`);
    else if (byIndex.has(verdict.index)) findings.add('double-verdict', `${where} has two verdicts.`, names);
    else if (verdict.key !== line.key)
      findings.add('unexplained-verdict', `${where} has a verdict for key ${verdict.key}.`, names);
    byIndex.set(verdict.index, verdict);
  }
  return lines.flatMap((line, index) => {
    const verdict = byIndex.get(index);
    const names = { id: line.id, key: line.key };
    if (!verdict) {
      findings.add('missing-verdict', `Batch ${batchId}, record ${index} has no verdict.`, names);
      return [];
    }
    if (!LANDED.has(verdict.verdict))
      findings.add('not-landed', `Batch ${batchId}, record ${index} is ${verdict.verdict}.`, names);
    const { version } = verdict;
    return [{ line, batchId, verdict: verdict.verdict, ...(version === undefined ? {} : { version }) }];
  });
}
