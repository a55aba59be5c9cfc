import { CONTENT_TYPES } from '../../domain/ingest/batch';
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
 * Reserves and starts the batches of a claim. May run twice, and long after the claim was made: its bodies are there. Whoever
 * reserves a batch starts it; what was reserved and not started the sweep starts, like any batch.
 * @param isOwn the claim was made just now, so that nobody has reserved them
 */
export async function settle(
  { batches }: Pick<IngressDeps, 'batches'>,
  claim: Claim,
  start: StartBatch,
  isOwn: boolean,
): Promise<void> {
  for (const part of claim.parts) {
    const header = headerOfPart(claim, part);
    if (!isOwn && (await batches.read(header.id))) continue;
    const reserved = await batches.reserve({ ...header, status: 'accepted' });
    if (reserved.created) await start({ header, etag: reserved.etag }).catch(() => undefined);
  }
}
