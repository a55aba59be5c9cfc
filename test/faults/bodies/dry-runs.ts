import type { RecordReport } from '../../../tools/lib/api';
import { excerpt, goodOf, quarantineFaults, written } from './accepted';
import type { Body } from './bodies';
import { valueOf, type Expected } from './expected';

/** What `?validate=only` answers. */
interface Foretold {
  readonly accepted: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly records: readonly RecordReport[];
  readonly truncated: boolean;
}

/** Verdicts that are counted, and not listed. */
const LANDING = ['upserted', 'unchanged'];
const LISTED = ['stale', 'quarantined', 'notApplied'];

/** Records listed at most (docs/api.md). */
const MAX_LISTED = 1000;

/** What is wrong with the answer to a dry run of a body that holds these records. */
export function dryRunFaults(answer: unknown, body: Body, expected: readonly Expected[]): string[] {
  const { accepted, counts, records, truncated } = answer as Foretold;
  const faults: string[] = [];
  if (accepted !== expected.length) faults.push(`${accepted} records were read, ${expected.length} sent`);
  const names = Object.keys(counts).toSorted();
  const sum = Object.values(counts).reduce((total, count) => total + count, 0);
  if (sum !== accepted || names.join() !== [...LANDING, ...LISTED].toSorted().join())
    faults.push(`the counts do not add up: ${excerpt(counts)}`);
  const listed = LISTED.reduce((total, verdict) => total + (counts[verdict] ?? 0), 0);
  if (truncated !== listed > MAX_LISTED || records.length !== Math.min(listed, MAX_LISTED))
    faults.push(`${records.length} records are listed, ${listed} are counted, truncated: ${truncated}`);
  if (new Set(records.map(({ index }) => index)).size < records.length)
    faults.push('a record is listed twice');
  for (const verdict of truncated ? [] : LISTED) {
    const count = records.filter((record) => record.verdict === verdict).length;
    if (count !== counts[verdict])
      faults.push(`${count} records are listed as ${verdict}: ${excerpt(counts)}`);
  }
  if (counts['notApplied'] !== 0) faults.push('records would not be applied without a cause');
  return [...faults, ...recordsFaults(records, truncated, body, expected)];
}

function recordsFaults(
  records: readonly RecordReport[],
  truncated: boolean,
  body: Body,
  expected: readonly Expected[],
): string[] {
  const good = goodOf(body);
  const quarantined = new Map(
    records.flatMap((record) => (record.verdict === 'quarantined' ? [[record.index, record]] : [])),
  );
  return expected.flatMap((one, index) => {
    const value = valueOf(one);
    const found = quarantined.get(index);
    if (!found) {
      const isLost = value === undefined && !truncated;
      return isLost ? [`record ${index} is none, and would not be quarantined`] : [];
    }
    // The answer does not repeat the record.
    const record = { ...found, record: written('text' in one ? one.text : value) };
    const isGood = value !== undefined && good.has(JSON.stringify(value));
    return [
      ...quarantineFaults(body, record, one),
      ...(isGood ? ['is good and would be quarantined'] : []),
    ].map((fault) => `record ${index} ${fault}`);
  });
}

/** Places of the records that would be quarantined; undefined when not all are listed. */
export function quarantinedIn(answer: unknown): ReadonlySet<number> | undefined {
  const { records, truncated } = answer as Foretold;
  if (truncated) return undefined;
  return new Set(records.flatMap(({ index, verdict }) => (verdict === 'quarantined' ? [index] : [])));
}
