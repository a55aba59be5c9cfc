import { randomUUID } from 'node:crypto';
import { sha256 } from '../../domain/content';
import { CONTENT_TYPES, type Batch } from '../../domain/ingest/batch';
import { inboxName } from '../../domain/ingest/names';
import { Problem } from '../../domain/problem';
import type { TriggerDeps } from './deps';
import type { Reception } from './reception';

export type Reservation =
  | { readonly replayed: false; readonly batch: Batch; readonly etag: string }
  /** The same request was accepted before: nothing was stored now. */
  | { readonly replayed: true; readonly batch: Batch };

/**
 * The id that an idempotency key stands for. `term` counts the lifetimes that have passed: batches are never
 * forgotten, so a key that is used again later gets another id.
 */
function batchIdOf(dataset: string, key: string, term: number): string {
  return sha256(`${dataset}\n${term}\n${key}`).slice(0, 32);
}

const ATTEMPTS = 3;

/**
 * Stores the body, unless it lies in an upload, and reserves the batch. Order: the inbox blob, named by batch and content, then the document, only
 * if absent. A crash in between leaves a blob that nobody names, which is swept; the caller has no answer and repeats.
 * @throws Problem `idempotency-key-reused`
 */
export async function reserve(
  deps: TriggerDeps,
  reception: Reception,
  key: string | undefined,
): Promise<Reservation> {
  if (key === undefined) return store(deps, reception, randomUUID().replaceAll('-', ''));
  const { id, known } = await findByKey(deps, reception.dataset, key);
  return known ? replay(known, reception) : store(deps, reception, id);
}

/** The batch that an idempotency key stands for as long as it is remembered, and its id, also of one that is still to be. */
export async function findByKey(
  { batches, now, config }: Pick<TriggerDeps, 'batches' | 'now' | 'config'>,
  dataset: string,
  key: string,
): Promise<{ readonly id: string; readonly known?: Batch }> {
  for (let term = 0; ; term++) {
    const id = batchIdOf(dataset, key, term);
    const found = await batches.read(id);
    if (!found) return { id };
    const age = now().getTime() - Date.parse(found.batch.receivedAt);
    if (age < config.idempotencyLifetimeMs) return { id, known: found.batch };
  }
}

async function store(deps: TriggerDeps, { body, ...fixed }: Reception, id: string): Promise<Reservation> {
  const batch: Batch = { id, ...fixed, receivedAt: deps.now().toISOString(), status: 'accepted' };
  const inbox = inboxName(id, batch.contentHash);
  for (let attempt = 1; ; attempt++) {
    // Written anew if it is there: an old blob of a request that was cut off may be swept at this moment.
    if (body) await deps.blobs.put('inbox', inbox, body, CONTENT_TYPES[batch.format]);
    try {
      const reserved = await deps.batches.reserve(batch);
      if (reserved.created) return { replayed: false, batch, etag: reserved.etag };
      const { batch: winner, etag } = reserved.existing;
      if (body && winner.contentHash !== batch.contentHash) await deps.blobs.remove('inbox', inbox);
      // Ours: the answer to an earlier attempt got lost. The sweep may have started it since.
      const isOurs = attempt > 1 && winner.receivedAt === batch.receivedAt;
      if (isOurs && winner.status === 'accepted') return { replayed: false, batch, etag };
      return replay(winner, batch);
    } catch (error) {
      if (error instanceof Problem || attempt === ATTEMPTS) throw error;
    }
  }
}

function replay(batch: Batch, request: Pick<Batch, 'contentHash'>): Reservation {
  if (batch.contentHash === request.contentHash) return { replayed: true, batch };
  throw new Problem(
    'idempotency-key-reused',
    `This Idempotency-Key was used at ${batch.receivedAt} for other content. Use a new key for new content.`,
    { batchId: batch.id },
  );
}
