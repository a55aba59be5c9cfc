import type { Counts } from '../../domain/ingest/verdict';
import { addCounts, noCounts } from '../../domain/ledger/batches';
import { Faults, type LedgerFault } from '../../domain/ledger/faults';
import { countDatasets, type DatasetCounts } from './batchSide';
import { countDeliveries, type SubscriptionCounts } from './deliverySide';
import type { LedgerDeps } from './deps';
import { Unnoticed } from './unnoticed';

/** Whether everything that was accepted is accounted for, and when not, what. */
export interface Ledger {
  /** When counting began, ISO 8601. */
  readonly at: string;
  readonly balanced: boolean;
  readonly total: Counts & { readonly documents: number; readonly versions: number };
  readonly datasets: Readonly<Record<string, DatasetCounts>>;
  readonly subscriptions: readonly SubscriptionCounts[];
  /** The first of them. */
  readonly faults: readonly LedgerFault[];
  readonly faultCount: number;
}

/**
 * Counts everything again from what is stored, never by subtraction and from no counter kept for the purpose. May run at
 * any time: what is on its way is in flight or pending, and no fault.
 */
export async function countLedger(deps: LedgerDeps): Promise<Ledger> {
  const at = deps.now().toISOString();
  const faults = new Faults();
  // First of all: what the feed has handled by now must be found in the rows, which are read later.
  const leases = await deps.leases.all();
  // The rows of a deleted subscription are being removed.
  const counted = (await deps.subscriptions.all())
    .map(({ subscription }) => subscription)
    .filter(({ status }) => status !== 'deleted');
  const unnoticed = new Unnoticed(deps, counted, leases);
  const datasets = await countDatasets(deps, unnoticed, faults);
  await unnoticed.name(faults);
  const subscriptions = await countDeliveries(deps, counted, faults);
  let counts = noCounts();
  let [documents, versions] = [0, 0];
  for (const { documents: held, versions: made, balanced: _, ...own } of datasets.values()) {
    counts = addCounts(counts, own);
    documents += held;
    versions += made;
  }
  const parts = [...datasets.values(), ...subscriptions];
  return {
    at,
    balanced: faults.count === 0 && parts.every(({ balanced }) => balanced),
    total: { ...counts, documents, versions },
    datasets: Object.fromEntries(datasets),
    subscriptions,
    faults: faults.shown,
    faultCount: faults.count,
  };
}
