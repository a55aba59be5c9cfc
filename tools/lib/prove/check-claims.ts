import type { ClaimFact, ClaimPart, Facts, HubPartition, Line } from './facts';
import type { Findings } from './findings';

/** A batch that a claim stands for, and the lines that it must hold, in order. */
export interface ClaimedBatch {
  readonly batchId: string;
  readonly lines: readonly Line[];
}

/** The claims of each partition follow one another from its first event to its last, and hold what the events hold. */
export function checkClaims({ partitions, claims }: Facts, findings: Findings): ClaimedBatch[] {
  const chains = Map.groupBy(claims, ({ partition }) => partition);
  for (const partition of chains.keys())
    if (!partitions.some((one) => one.partition === partition))
      findings.add('claim-differs', `There are claims of partition ${partition}, which there is not.`);
  return partitions.flatMap((partition) => {
    const chain = (chains.get(partition.partition) ?? []).toSorted((a, b) => a.first - b.first);
    checkChain(partition, chain, findings);
    return chain.flatMap((claim) => claimedBatches(partition, claim, findings));
  });
}

function checkChain(partition: HubPartition, chain: readonly ClaimFact[], findings: Findings): void {
  const { begin, last, events } = partition;
  const name = `partition ${partition.partition}`;
  const epochs = new Set(chain.map(({ epoch }) => epoch));
  if (epochs.size > 1) findings.add('claim-differs', `${name} has claims of ${epochs.size} hubs.`);
  let next = begin;
  for (const claim of chain) {
    const range = `${claim.first} to ${claim.last}`;
    if (claim.first > next)
      findings.add('claim-hole', `${name}: no claim has ${next} to ${claim.first - 1}.`, named(events, next));
    if (claim.first < next)
      findings.add(
        'claim-overlap',
        `${name}: the claim of ${range} begins before ${next}.`,
        named(events, claim.first),
      );
    if (claim.last < claim.first) findings.add('claim-differs', `${name}: a claim of ${range}.`);
    if (claim.lost)
      findings.add('expired', `${name}: ${claim.lost.first} to ${claim.lost.last} had expired.`);
    next = Math.max(next, claim.last + 1);
  }
  if (next <= last)
    findings.add('unclaimed-end', `${name}: ${next} to ${last} are not claimed.`, named(events, next));
  if (next > last + 1)
    findings.add('claim-differs', `${name} is claimed to ${next - 1}, and ends at ${last}.`);
}

/** The first record of the event with this number. */
function named(events: HubPartition['events'], sequenceNumber: number): { id?: string; key?: string } {
  const line = events.find((event) => event.sequenceNumber === sequenceNumber)?.lines[0];
  return line ? { id: line.id, key: line.key } : {};
}

function claimedBatches(
  { partition, events }: HubPartition,
  { first, last, parts, foreign }: ClaimFact,
  findings: Findings,
): ClaimedBatch[] {
  const own = events.filter(({ sequenceNumber }) => sequenceNumber >= first && sequenceNumber <= last);
  const groups = Map.groupBy(
    own.flatMap(({ lines }) => lines),
    nameOfPart,
  );
  const where = `Claim ${first} to ${last} of partition ${partition}`;
  if (foreign > 0) findings.add('claim-differs', `${where} has ${foreign} events that it cannot read.`);
  for (const [name, lines] of groups) {
    if (!parts.some((part) => nameOfPart(part) === name))
      findings.add(
        'claim-differs',
        `${where} has no batch for the ${lines.length} records of ${name}.`,
        lines[0],
      );
  }
  return parts.map((part) => {
    const lines = groups.get(nameOfPart(part)) ?? [];
    if (lines.length !== part.records)
      findings.add(
        'claim-differs',
        `${where} counts ${part.records} records, its events have ${lines.length}.`,
      );
    return { batchId: part.batchId, lines };
  });
}

const nameOfPart = ({ dataset, schemaVersion }: Pick<ClaimPart, 'dataset' | 'schemaVersion'>): string =>
  `${dataset} ${schemaVersion}`;
