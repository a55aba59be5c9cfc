import type { StoredBatch } from '../../clients/batches';
import { CONTENT_TYPES, headerOf, type BatchHeader } from '../../domain/ingest/batch';
import { inboxName } from '../../domain/ingest/names';
import { epochOf, headerOfPart, propose, type Claim, type Proposal } from '../../domain/ingress/claim';
import type { IngressEvent } from '../../domain/ingress/packet';
import type { IngressDeps, StartBatch } from './deps';

/** Stores the bodies of the batches that a claim would make. Nobody reads them before the claim is there. */
export async function storeBodies(
  { blobs }: Pick<IngressDeps, 'blobs'>,
  { claim, bodies }: Proposal,
): Promise<void> {
  await Promise.all(
    claim.parts.map((part, at) => putBody(blobs, headerOfPart(claim, part), bodies[at] as Buffer)),
  );
}

function putBody(blobs: IngressDeps['blobs'], header: BatchHeader, body: Buffer): Promise<void> {
  const name = inboxName(header.id, header.contentHash);
  return blobs.put('inbox', name, body, CONTENT_TYPES[header.format]);
}

/**
 * Reserves and starts the batches of a claim. May run twice, and long after the claim was made.
 * @param isOwn the claim was made just now, with its bodies
 * @throws when a body is gone and cannot be made again
 */
export async function settle(
  deps: IngressDeps,
  claim: Claim,
  start: StartBatch,
  isOwn: boolean,
): Promise<void> {
  for (const part of claim.parts) {
    const header = headerOfPart(claim, part);
    const known = isOwn ? undefined : await deps.batches.read(header.id);
    if (!known && !isOwn) await ensureBody(deps, claim, header);
    const reserved = known ?? (await reserve(deps, header));
    if (reserved.batch.status !== 'accepted') continue;
    try {
      await start({ header: headerOf(reserved.batch), etag: reserved.etag });
    } catch {
      // Like any batch that was accepted and not started, the sweep starts it.
    }
  }
}

async function reserve({ batches }: IngressDeps, header: BatchHeader): Promise<StoredBatch> {
  const batch = { ...header, status: 'accepted' } as const;
  const reserved = await batches.reserve(batch);
  return reserved.created ? { batch, etag: reserved.etag } : reserved.existing;
}

/** The inbox is swept of what no batch names: a claim that was left alone for long may have lost its bodies. */
async function ensureBody(deps: IngressDeps, claim: Claim, header: BatchHeader): Promise<void> {
  if (await deps.blobs.describe('inbox', inboxName(header.id, header.contentHash))) return;
  const body = await bodyAgain(deps, claim, header);
  if (!body)
    throw new Error(
      `The body of batch ${header.id} is gone, and so are events ${claim.first} to ${claim.last} of partition ${claim.partition}.`,
    );
  await putBody(deps.blobs, header, body);
}

/** The body from the events themselves; undefined when they are not all there any more. */
async function bodyAgain(
  deps: IngressDeps,
  claim: Claim,
  { id, bodySha256 }: BatchHeader,
): Promise<Buffer | undefined> {
  const { hub } = deps;
  const { first, last, partition } = claim;
  if (epochOf(await hub.createdOn()) !== claim.epoch) return undefined;
  if ((await hub.extent(partition)).begin > first) return undefined;
  const events = await readAll(hub, partition, first, last);
  if (events.length === 0) return undefined;
  const again = propose(claim, first, events, new Date(claim.claimedAt));
  const at = again.claim.parts.findIndex((part) => part.batchId === id && part.bodySha256 === bodySha256);
  return again.bodies[at];
}

async function readAll(
  hub: IngressDeps['hub'],
  partition: string,
  first: number,
  last: number,
): Promise<IngressEvent[]> {
  const events: IngressEvent[] = [];
  for (let from = first; from <= last;) {
    const some = await hub.read(partition, from, last);
    if (some.length === 0) break;
    events.push(...some);
    from = (some.at(-1)?.sequenceNumber ?? last) + 1;
  }
  return events;
}
