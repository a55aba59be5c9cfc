import { sha256 } from '../content';
import type { BatchHeader } from '../ingest/batch';
import { inboxName } from '../ingest/names';
import { packetOf, type IngressEvent } from './packet';

/** A partition of the hub, as long as the hub is the same: numbers begin anew in one that was made again. */
export interface Chain {
  /** When the hub was made, base 36 */
  readonly epoch: string;
  readonly partition: string;
}

/**
 * A range of a partition, and the batches that its records are. The claims of a chain follow one another without gap or
 * overlap, since each is created only if absent under the number it begins with: so every event is in exactly one batch,
 * however often and in whatever groups it is delivered.
 */
export interface Claim extends Chain {
  /** Sequence numbers, both ends included. */
  readonly first: number;
  readonly last: number;
  /** ISO 8601: when the batches count as received. */
  readonly claimedAt: string;
  readonly parts: readonly ClaimPart[];
  /** Events that the door has not sent. */
  readonly foreign: number;
  /** Numbers that had expired before anybody claimed them: a loss. */
  readonly lost?: { readonly first: number; readonly last: number };
}

/** Records of one data set and schema: one batch. */
export interface ClaimPart {
  readonly batchId: string;
  readonly dataset: string;
  readonly schemaVersion: string;
  readonly records: number;
  readonly bytes: number;
  readonly bodySha256: string;
  /** Earliest and latest receipt, ms since the epoch: by these a record is found. */
  readonly from: number;
  readonly to: number;
}

/** A claim with the bodies of its batches, which are stored before it. */
export interface Proposal {
  readonly claim: Claim;
  readonly bodies: readonly Buffer[];
}

/** The id of a claim's document. */
export const claimId = ({ epoch, partition }: Chain, first: number): string =>
  `ingress-${epoch}-${partition}-${first}`;

/** Numbers begin with it in every hub. */
export const FIRST_NUMBER = 0;

/** The id of the document that holds a known boundary of a chain. */
export const headId = ({ epoch, partition }: Chain): string => `ingress-${epoch}-${partition}`;

/** The epoch of a hub. */
export const epochOf = (createdOn: Date): string => createdOn.getTime().toString(36);

/**
 * Of the epochs that are known, the newest one that had begun at a time (ms). When there is none, the hub was gone before
 * anything of it was claimed: the time stands for it then.
 */
export function epochBefore(epochs: readonly string[], at: number): string {
  const begun = epochs.map((epoch) => Number.parseInt(epoch, 36)).filter((time) => time <= at);
  return (begun.length > 0 ? Math.max(...begun) : at).toString(36);
}

/** Bytes of the events in one claim: it is in memory as a whole. */
export const MAX_CLAIM_BYTES = 8 * 1024 * 1024;

/**
 * As many of the events as fit into one claim, from the first on; at least one. No number is missing between them: why
 * one is missing has to be asked before it is claimed.
 * @param events in the order of their numbers
 */
export function fitting(events: readonly IngressEvent[]): readonly IngressEvent[] {
  const from = events[0]?.sequenceNumber ?? 0;
  let bytes = events[0]?.body.length ?? 0;
  const end = events.findIndex(
    ({ body, sequenceNumber }, at) =>
      at > 0 && ((bytes += body.length) > MAX_CLAIM_BYTES || sequenceNumber !== from + at),
  );
  return end === -1 ? events : events.slice(0, end);
}

/**
 * Makes a claim of all numbers from `first` to that of the last event. A function of its arguments.
 * @param events in the order of their numbers; at least one
 */
export function propose(
  chain: Chain,
  first: number,
  events: readonly IngressEvent[],
  claimedAt: Date,
): Proposal {
  const packets = events.flatMap((event) => packetOf(event) ?? []);
  const groups = Map.groupBy(
    packets,
    ({ properties }) => `${properties.dataset}\n${properties.schemaVersion}`,
  );
  const made = Array.from(groups, ([name, own]) => {
    const body = Buffer.concat(own.map((packet) => packet.body));
    const [dataset = '', schemaVersion = ''] = name.split('\n');
    const part: ClaimPart = {
      batchId: sha256(`${claimId(chain, first)}\n${name}`).slice(0, 32),
      dataset,
      schemaVersion,
      records: own.reduce((sum, { properties }) => sum + properties.records, 0),
      bytes: body.length,
      bodySha256: sha256(body),
      from: Math.min(...own.map(({ properties }) => properties.from)),
      to: Math.max(...own.map(({ properties }) => properties.to)),
    };
    return { part, body };
  });
  const last = events.at(-1)?.sequenceNumber ?? first;
  return {
    claim: {
      ...chain,
      first,
      last,
      claimedAt: claimedAt.toISOString(),
      parts: made.map(({ part }) => part),
      foreign: events.length - packets.length,
    },
    bodies: made.map(({ body }) => body),
  };
}

/** The batch that a part of a claim is, as it is reserved. */
export function headerOfPart(claim: Claim, part: ClaimPart): BatchHeader {
  const { batchId, dataset, schemaVersion, records, bytes, bodySha256 } = part;
  const format = 'records';
  const onInvalid = 'quarantine';
  return {
    id: batchId,
    dataset,
    schemaVersion,
    format,
    onInvalid,
    contentHash: sha256(`${bodySha256}\n${format}\n${onInvalid}`),
    bodySha256,
    bytes,
    accepted: records,
    receivedAt: claim.claimedAt,
    claim: claimId(claim, claim.first),
  };
}

/** The inbox blob that is a part's body. */
export function bodyName(claim: Claim, part: ClaimPart): string {
  const { id, contentHash } = headerOfPart(claim, part);
  return inboxName(id, contentHash);
}

/** The metadata of such a blob that names the claim's id: the claim is not there yet when it is stored. */
export const CLAIM_OF_BODY = 'claim';

/** A claim of numbers whose events have expired: so that the chain goes on, and the loss is told. */
export function lostRange(chain: Chain, first: number, last: number, claimedAt: Date): Proposal {
  const claim = { ...chain, first, last, claimedAt: claimedAt.toISOString(), parts: [], foreign: 0 };
  return { claim: { ...claim, lost: { first, last } }, bodies: [] };
}
