import { checkBatches, type Landed, type VerdictCounts } from './check-batches';
import { checkClaims } from './check-claims';
import { checkConsumers, type DeliveryCounts } from './check-consumers';
import { checkDocuments } from './check-documents';
import { checkHub, type HubCounts, type IndexOf } from './check-hub';
import { checkLedger } from './check-ledger';
import type { Facts } from './facts';
import { Findings } from './findings';

export interface Checked {
  readonly findings: Findings;
  /** Accepted records that are nowhere: not in the hub, or claimed without a verdict. */
  readonly lost: number;
  readonly hub: HubCounts;
  readonly verdicts: VerdictCounts;
  readonly deliveries: ReadonlyMap<string, DeliveryCounts>;
  readonly landed: readonly Landed[];
  readonly indexOf: IndexOf;
}

/** Holds everything that is known of a run against everything else. A function of its argument. */
export function check(facts: Facts): Checked {
  const findings = new Findings();
  const { counts: hub, indexOf } = checkHub(facts, findings);
  const claimed = checkClaims(facts, findings);
  const { counts: verdicts, landed } = checkBatches(facts, claimed, findings);
  checkDocuments(facts, landed, indexOf, findings);
  const deliveries = checkConsumers(facts, findings);
  checkLedger(facts, hub.lines, verdicts, findings);
  const decided = new Set(landed.map(({ line }) => line.id));
  const lost = facts.accepted.filter(({ id }) => !decided.has(id)).length;
  return { findings, lost, hub, verdicts, deliveries, landed, indexOf };
}
