import type { VerdictCounts } from './check-batches';
import type { Facts } from './facts';
import type { Findings } from './findings';

const VERDICTS = ['upserted', 'unchanged', 'stale', 'quarantined', 'deadLettered', 'notApplied'] as const;

/** The app's own ledger, which counts from the same stores by other code, says the same, and finds nothing wrong. */
export function checkLedger(facts: Facts, lines: number, counts: VerdictCounts, findings: Findings): void {
  const { ledger, documents, consumers } = facts;
  const versions = documents.reduce((sum, { version }) => sum + version, 0);
  const expected: Record<string, number> = {
    accepted: lines,
    inFlight: 0,
    documents: documents.filter(({ deleted }) => !deleted).length,
    versions,
    ...Object.fromEntries(VERDICTS.map((verdict) => [verdict, counts[verdict] ?? 0])),
  };
  const differs = (detail: string): void => findings.add('ledger-differs', detail);
  if (!ledger.balanced) differs('It is not balanced.');
  for (const fault of ledger.faults) differs(`It names a fault: ${fault}.`);
  for (const [name, count] of Object.entries(expected))
    if (ledger.total[name] !== count)
      differs(`${name} is ${ledger.total[name]}, and was counted as ${count}.`);
  for (const { subscription, name } of consumers) {
    const row = ledger.subscriptions.find(({ id }) => id === subscription);
    if (!row) {
      differs(`It does not have the subscription of ${name}.`);
      continue;
    }
    const { due, trying, waiting } = row.pending;
    const pending = due + trying + waiting;
    if (pending > 0) differs(`${name} is still owed ${pending} versions.`);
    if (row.deadLettered > 0) differs(`${row.deadLettered} versions were given up for ${name}.`);
    // Versions of a document that were passed over before the first one that the feed told of are nobody's.
    if (row.versions > versions || row.versions < documents.length)
      differs(`${name} was owed ${row.versions} versions of ${versions} of ${documents.length} documents.`);
    if (row.delivered + row.superseded + row.deadLettered + row.notOwed + pending !== row.versions)
      differs(`The versions of ${name} do not add up.`);
  }
}
