import type { Batch } from '../../domain/ingest/batch';
import { epochOf, MAX_CLAIM_BYTES, type Chain, type Claim } from '../../domain/ingress/claim';
import { packetOf } from '../../domain/ingress/packet';
import type { Faults } from '../../domain/ledger/faults';
import type { LedgerDeps } from './deps';

/** A claim that is older (ms) has its batches: they are reserved right after it, or by the sweep. */
const SETTLED_MS = 3_600_000;

/** Bytes of unclaimed events that are read in one partition to count their records; what is beyond is not counted. */
const MAX_READ_BYTES = 8 * MAX_CLAIM_BYTES;

/**
 * Records that the hub has and no batch: what no claim holds yet, and what is in a claim whose batch was not there when
 * the batches were counted. Of all claims it sees that they follow one another.
 */
export class IngressSide {
  private readonly seen = new Set<string>();

  constructor(private readonly deps: LedgerDeps) {}

  /** A batch that was counted. */
  see({ id, claim, receivedAt }: Batch): void {
    if (claim !== undefined && this.isRecent(receivedAt)) this.seen.add(id);
  }

  /** By data set. To be asked when the batches were counted. */
  async inFlight(faults: Faults): Promise<ReadonlyMap<string, number>> {
    const records = new Map<string, number>();
    const add = (dataset: string, count: number): void =>
      void records.set(dataset, (records.get(dataset) ?? 0) + count);
    const ends = new Map<string, number>();
    for (const claim of await this.deps.claims.all()) {
      checkClaim(claim, ends.get(nameOf(claim)), faults);
      ends.set(nameOf(claim), claim.last + 1);
      if (!this.isRecent(claim.claimedAt)) continue;
      for (const part of claim.parts) if (!this.seen.has(part.batchId)) add(part.dataset, part.records);
    }
    const { hub } = this.deps;
    const epoch = epochOf(await hub.createdOn());
    for (const partition of await hub.partitions()) await this.unclaimed({ epoch, partition }, ends, add);
    return records;
  }

  private async unclaimed(
    chain: Chain,
    ends: ReadonlyMap<string, number>,
    add: (dataset: string, count: number) => void,
  ): Promise<void> {
    const { hub } = this.deps;
    const { begin, last } = await hub.extent(chain.partition);
    let bytes = 0;
    for (let from = Math.max(begin, ends.get(nameOf(chain)) ?? 0); from <= last && bytes < MAX_READ_BYTES;) {
      const events = await hub.read(chain.partition, from, last);
      if (events.length === 0) return;
      for (const event of events) {
        const packet = packetOf(event);
        bytes += event.body.length;
        if (packet) add(packet.properties.dataset, packet.properties.records);
      }
      from = (events.at(-1)?.sequenceNumber ?? last) + 1;
    }
  }

  private isRecent(at: string): boolean {
    return Date.parse(at) > this.deps.now().getTime() - SETTLED_MS;
  }
}

const nameOf = ({ epoch, partition }: Chain): string => `${epoch}-${partition}`;

/** @param expected the number that the claim has to begin with; undefined for the first of its chain */
function checkClaim(claim: Claim, expected: number | undefined, faults: Faults): void {
  const where = `partition ${claim.partition} of the hub that was made at ${new Date(Number.parseInt(claim.epoch, 36)).toISOString()}`;
  if (expected !== undefined && claim.first !== expected) {
    const detail = `In ${where} a claim begins with ${claim.first} instead of ${expected}.`;
    faults.add({ code: 'broken-chain', detail });
  }
  if (!claim.lost) return;
  const detail = `Events ${claim.lost.first} to ${claim.lost.last} in ${where} expired before they were claimed.`;
  faults.add({ code: 'lost-events', detail });
}
