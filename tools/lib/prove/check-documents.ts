import { isDeepStrictEqual } from 'node:util';
import { canonicalHash } from './content';
import type { Landed } from './check-batches';
import type { IndexOf } from './check-hub';
import type { DocumentFact, Facts, Line } from './facts';
import type { Findings } from './findings';

type Stamp = readonly [eventTime: number, receivedAt: number, id: string];

const stampOf = ({ eventTime, receivedAt, id }: Line): Stamp => [eventTime, receivedAt, id];

/** Whether the first is later: by event time, then by receipt, then by id. */
export function isNewer(a: Stamp, b: Stamp): boolean {
  for (const [place, value] of a.entries()) {
    const other = b[place] as string | number;
    if (value !== other) return value > other;
  }
  return false;
}

/**
 * Every document is what the newest accepted record of its key says, by the stamp (event time, receipt, id), and has had
 * as many versions as records were upserted. What was accepted is taken from the load itself: a record that is nowhere
 * any more is missed here, too.
 */
export function checkDocuments(
  facts: Facts,
  landed: readonly Landed[],
  indexOf: IndexOf,
  findings: Findings,
): void {
  const newest = newestOf(landed);
  const versions = Map.groupBy(
    landed.filter(({ verdict }) => verdict === 'upserted'),
    ({ line }) => line.key,
  );
  const documents = new Map(facts.documents.map((document) => [document.key, document]));
  for (const document of facts.documents) {
    const line = newest.get(document.key);
    if (line) checkDocument(facts, document, line, indexOf(line), findings);
    else findings.add('unexplained-document', 'No record of its key has landed.', { key: document.key });
    checkVersions(document, versions.get(document.key) ?? [], findings);
  }
  for (const [key, { id }] of newest)
    if (!documents.has(key)) findings.add('missing-document', 'A record of its key has landed.', { id, key });
  checkAccepted(facts, documents, findings);
  checkVerdicts(facts, landed, newest, indexOf, findings);
}

/** Of a stale record there is a newer one; of an unchanged one another with the same content. */
function checkVerdicts(
  { records }: Facts,
  landed: readonly Landed[],
  newest: ReadonlyMap<string, Line>,
  indexOf: IndexOf,
  findings: Findings,
): void {
  const contentOf = (line: Line): string => {
    const index = indexOf(line);
    // The event time is no content; it is the last member.
    return index === undefined ? line.content : records.bodyOf(index).replace(/,"updatedAt":"[^"]*"\}$/, '');
  };
  const byKey = Map.groupBy(landed, ({ line }) => line.key);
  for (const one of landed) {
    const { line, verdict } = one;
    const winner = newest.get(line.key) ?? line;
    const names = { id: line.id, key: line.key };
    if (verdict === 'stale' && !isNewer(stampOf(winner), stampOf(line)))
      findings.add('wrong-verdict', 'It is stale, and nothing is newer.', names);
    if (verdict !== 'unchanged') continue;
    const content = contentOf(line);
    const others = (byKey.get(line.key) ?? []).filter((other) => other !== one);
    if (!others.some((other) => contentOf(other.line) === content))
      findings.add('wrong-verdict', 'It counts as unchanged, and no other record says the same.', names);
  }
}

function newestOf(landed: readonly Landed[]): Map<string, Line> {
  const newest = new Map<string, Line>();
  for (const { line } of landed) {
    const rival = newest.get(line.key);
    if (!rival || isNewer(stampOf(line), stampOf(rival))) newest.set(line.key, line);
  }
  return newest;
}

function checkDocument(
  { records }: Facts,
  { key, deleted, content, newest }: DocumentFact,
  line: Line,
  index: number | undefined,
  findings: Findings,
): void {
  const names = { id: line.id, key };
  const stamp: Stamp = [newest.eventTime, newest.receivedAt, newest.batchId];
  if (!isDeepStrictEqual(stamp, stampOf(line)) || newest.index !== 0)
    findings.add(
      'old-document',
      `It goes by ${stamp.join(', ')}, and not by ${stampOf(line).join(', ')}.`,
      names,
    );
  if (deleted) findings.add('document-differs', 'It counts as deleted.', names);
  if (index !== undefined && content !== canonicalHash(JSON.parse(records.bodyOf(index))))
    findings.add('document-differs', `It does not hold what record ${index} says.`, names);
}

/** Each version from the first to the last was made by one record. */
function checkVersions(
  { key, version }: DocumentFact,
  upserted: readonly Landed[],
  findings: Findings,
): void {
  const made = upserted.toSorted((a, b) => (a.version ?? 0) - (b.version ?? 0));
  for (let at = 0; at < Math.max(made.length, version); at++) {
    const one = made[at];
    if (one?.version === at + 1 && at < version) continue;
    const told = made.map((other) => other.version).join(', ') || 'none';
    // Where two claim a version, the write of the first may have gone lost: both are looked at by whoever reads this.
    const ids = upserted.map(({ line }) => line.id).join(', ');
    return findings.add(
      'versions-differ',
      `It is at version ${version}, and its records tell of ${told} (${ids}).`,
      { key, ...(one ? { id: one.line.id } : {}) },
    );
  }
}

/** By what the load alone knows: no document is older than what was accepted of its key. */
function checkAccepted(
  { accepted, records }: Facts,
  documents: ReadonlyMap<string, DocumentFact>,
  findings: Findings,
): void {
  for (const { index, id } of accepted) {
    const key = records.keyOf(index);
    const document = documents.get(key);
    const names = { id, key };
    if (!document) findings.add('missing-document', `Record ${index} of its key was accepted.`, names);
    else if (document.newest.eventTime < records.eventTimeOf(index))
      findings.add('old-document', `It is older than record ${index}, which was accepted.`, names);
  }
}
