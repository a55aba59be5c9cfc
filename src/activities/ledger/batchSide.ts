import { mapLimited } from '../../clients/once';
import type { StoredDocument } from '../../domain/egress/document';
import type { Counts } from '../../domain/ingest/verdict';
import { BUCKETS, partitionKey } from '../../domain/keys';
import { addCounts, addsUp, noCounts } from '../../domain/ledger/batches';
import type { Faults } from '../../domain/ledger/faults';
import { compareVersions } from '../../domain/ledger/versions';
import type { LedgerDeps } from './deps';
import { IngressSide } from './ingressSide';
import { examineVersions, type Suspect } from './examine';
import { VersionTally } from './tally';
import type { Unnoticed } from './unnoticed';
import { walkBatches } from './walk';

/** Verdict files taken at a time. */
const FILES = 2_000;

/** Partitions that are read at the same time: more would keep ingest waiting. */
const PARTITIONS_AT_A_TIME = 3;

const DOCUMENTS = 500;

/** What became of a data set's records, and what it holds. */
export interface DatasetCounts extends Counts {
  /** Deleted ones included: they leave a tombstone. */
  readonly documents: number;
  /** Of all documents together. */
  readonly versions: number;
  readonly balanced: boolean;
}

/**
 * Counts every accepted record, and holds the versions of the documents against the verdicts. Verdicts are read before
 * documents, and these before what is still to be decided, so that nothing that happens meanwhile looks like a loss.
 */
export async function countDatasets(
  deps: LedgerDeps,
  unnoticed: Pick<Unnoticed, 'wants' | 'look'>,
  faults: Faults,
): Promise<ReadonlyMap<string, DatasetCounts>> {
  const tally = new VersionTally(deps.now());
  const counted = new Map(deps.datasets.map((name) => [name, noCounts()]));
  const ingress = new IngressSide(deps);
  for await (const walked of walkBatches(deps, FILES)) {
    if (walked.type === 'fault') faults.add(walked.fault);
    else {
      const { batch, check } = walked;
      ingress.see(batch);
      for (const fault of check.faults) faults.add(fault);
      counted.set(batch.dataset, addCounts(counted.get(batch.dataset) ?? noCounts(), check.counts));
      tally.add(batch, check);
    }
  }
  for (const [name, inFlight] of await ingress.inFlight(faults))
    counted.set(
      name,
      addCounts(counted.get(name) ?? noCounts(), { ...noCounts(), accepted: inFlight, inFlight }),
    );
  // Where no batch was accepted there is no document.
  const held = [...counted].flatMap(([name, { accepted }]) => (accepted > 0 ? [name] : []));
  const partitions = await sumPartitions(deps, unnoticed, held);
  const suspects = await suspectsAmong(deps, partitions, tally);
  if (suspects.length > 0) await examineVersions(deps, suspects, faults);
  const answer = new Map<string, DatasetCounts>();
  for (const [name, counts] of counted) {
    const own = partitions.filter(({ dataset }) => dataset === name);
    answer.set(name, {
      ...counts,
      documents: own.reduce((total, { documents }) => total + documents, 0),
      versions: own.reduce((total, { versions }) => total + versions, 0),
      balanced: addsUp(counts) && faults.none('dataset', name),
    });
  }
  return answer;
}

interface PartitionSum extends Suspect {
  readonly documents: number;
  readonly versions: number;
}

function sumPartitions(
  deps: LedgerDeps,
  unnoticed: Pick<Unnoticed, 'wants' | 'look'>,
  datasets: readonly string[],
): Promise<PartitionSum[]> {
  const all = datasets.flatMap((dataset) =>
    Array.from({ length: BUCKETS }, (_, bucket) => ({ dataset, bucket, pk: partitionKey(dataset, bucket) })),
  );
  return mapLimited(all, PARTITIONS_AT_A_TIME, async (partition) => {
    const { dataset, pk } = partition;
    const sums = unnoticed.wants(dataset)
      ? await sumPages(deps, pk, (documents) => unnoticed.look(pk, documents))
      : await deps.versions.sums(pk);
    return { ...partition, ...sums };
  });
}

/** Adds up the versions of a partition's documents, which are shown to `look` on the way. */
async function sumPages(
  deps: LedgerDeps,
  pk: string,
  look: (documents: readonly StoredDocument[]) => Promise<void>,
): Promise<{ documents: number; versions: number }> {
  let [documents, versions] = [0, 0];
  for (let continuation: string | undefined; ;) {
    const page = await deps.documents.page(pk, DOCUMENTS, continuation);
    documents += page.documents.length;
    for (const { _hw } of page.documents) versions += _hw.version;
    await look(page.documents);
    continuation = page.continuation;
    if (continuation === undefined) return { documents, versions };
  }
}

/** Buckets whose versions are neither what the verdicts say nor on the way to it. */
async function suspectsAmong(
  deps: LedgerDeps,
  partitions: readonly PartitionSum[],
  tally: VersionTally,
): Promise<Suspect[]> {
  const compare = ({ pk, versions }: PartitionSum) =>
    compareVersions(tally.upserted.of(pk), versions, tally.undecided.of(pk));
  if (partitions.some((one) => compare(one) === 'too-many')) await tally.addLater(deps);
  return partitions.filter((one) => compare(one) === 'too-few' || compare(one) === 'too-many');
}
