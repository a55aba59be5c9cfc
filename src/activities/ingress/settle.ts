import type { StoredBatch } from '../../clients/batches';
import { CONTENT_TYPES, headerOf, type BatchHeader } from '../../domain/ingest/batch';
import {
  bodyName,
  claimId,
  CLAIM_OF_BODY,
  headerOfPart,
  type Claim,
  type Proposal,
} from '../../domain/ingress/claim';
import type { IngressDeps, StartBatch } from './deps';

/**
 * Stores the bodies of the batches that a claim would make. Nobody reads them before the claim is there, and the sweep of
 * the inbox leaves them as long as it may still come to be.
 */
export async function storeBodies(
  { blobs }: Pick<IngressDeps, 'blobs'>,
  { claim, bodies }: Proposal,
): Promise<void> {
  const metadata = { [CLAIM_OF_BODY]: claimId(claim, claim.first) };
  await Promise.all(
    claim.parts.map((part, at) =>
      blobs.put('inbox', bodyName(claim, part), bodies[at] as Buffer, CONTENT_TYPES.records, metadata),
    ),
  );
}

/**
 * Reserves and starts the batches of a claim. May run twice, and long after the claim was made: its bodies are there.
 * @param isOwn the claim was made just now, so that nobody has reserved them
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
    const { batch, etag } = known ?? (await reserve(deps, header));
    if (batch.status !== 'accepted') continue;
    try {
      await start({ header: headerOf(batch), etag });
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
