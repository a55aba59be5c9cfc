import { documentId } from '../keys';
import type { Envelope } from './envelope';
import { compareStamps, type Stamp } from './stamp';
import { stampOf, type ValidRecord } from './validation';
import type { GroupVerdict, Winner } from './verdict';

/** What is known of the batch that a group belongs to. */
export interface GroupOrigin {
  readonly batchId: string;
  readonly schemaVersion: string;
  /** ms since the epoch */
  readonly receivedAt: number;
  readonly pk: string;
}

/** A document as it was read, with the ETag that its replacement must name. */
export interface Stored {
  readonly envelope: Envelope;
  readonly etag: string;
  /** The store's time of the last write, seconds. */
  readonly ts: number;
}

export type Write =
  | { readonly type: 'create'; readonly index: number; readonly envelope: Envelope }
  | { readonly type: 'replace'; readonly index: number; readonly envelope: Envelope; readonly etag: string };

export interface Decision {
  readonly writes: readonly Write[];
  readonly verdicts: readonly GroupVerdict[];
}

/** The record of a stamp, as a stale one names it. */
export const winnerOf = (stamp: Stamp): Winner => ({
  batchId: stamp.batchId,
  index: stamp.index,
  eventTime: new Date(stamp.eventTime).toISOString(),
});

/**
 * Decides a group: which records become new versions, which only renew a stamp, which are stale.
 *
 * Duplicates of a key are reduced to the newest. Against the stored document the newest stamp wins. A newer record
 * of the same content renews the stamp (and the data with its event time) but not the version: else a record
 * between the two would win wrongly.
 * @param stored the documents of the group's keys, by id
 */
export function decide(
  records: readonly ValidRecord[],
  stored: ReadonlyMap<string, Stored>,
  origin: GroupOrigin,
): Decision {
  const newest = new Map<string, ValidRecord>();
  for (const record of records) {
    const id = documentId(record.key);
    const rival = newest.get(id);
    if (!rival || compareStamps(stampAt(record, origin), stampAt(rival, origin)) > 0) newest.set(id, record);
  }
  const writes: Write[] = [];
  const verdicts = records.map((record): GroupVerdict => {
    const id = documentId(record.key);
    const best = newest.get(id) ?? record;
    const existing = stored.get(id);
    if (best !== record)
      return {
        index: record.index,
        verdict: 'stale',
        winner: winnerOf(winningStamp(best, existing, origin)),
      };
    const decided = decideOne(record, id, existing, origin);
    if (decided.write) writes.push(decided.write);
    return decided.verdict;
  });
  return { writes, verdicts };
}

const stampAt = (record: ValidRecord, origin: GroupOrigin): Stamp =>
  stampOf(record, origin.batchId, origin.receivedAt);

function winningStamp(best: ValidRecord, existing: Stored | undefined, origin: GroupOrigin): Stamp {
  const stamp = stampAt(best, origin);
  const known = existing?.envelope._hw.newest;
  return known && compareStamps(known, stamp) > 0 ? known : stamp;
}

function decideOne(
  record: ValidRecord,
  id: string,
  existing: Stored | undefined,
  origin: GroupOrigin,
): { verdict: GroupVerdict; write?: Write } {
  const { index } = record;
  const stamp = stampAt(record, origin);
  const before = existing?.envelope._hw;
  if (!existing || !before) {
    const envelope = envelopeOf(record, id, 1, stamp, origin);
    return {
      verdict: { index, verdict: 'upserted', version: 1 },
      write: { type: 'create', index, envelope },
    };
  }
  const same = before.deleted === record.deleted && (record.deleted || before.hash === record.hash);
  const newer = compareStamps(stamp, before.newest) > 0;
  if (!newer) {
    return same
      ? { verdict: { index, verdict: 'unchanged', version: before.version } }
      : { verdict: { index, verdict: 'stale', winner: winnerOf(before.newest) } };
  }
  if (same) {
    // The hash goes with the data: two deletions are the same content, but may be written differently.
    const { hash } = record;
    const _hw = { ...before, newest: stamp, hash, since: before.since ?? existing.ts };
    const envelope: Envelope = { ...existing.envelope, data: record.data, _hw };
    return {
      verdict: { index, verdict: 'unchanged', version: before.version },
      write: { type: 'replace', index, envelope: stripped(envelope), etag: existing.etag },
    };
  }
  const version = before.version + 1;
  const envelope = envelopeOf(record, id, version, stamp, origin);
  return {
    verdict: { index, verdict: 'upserted', version },
    write: { type: 'replace', index, envelope, etag: existing.etag },
  };
}

function envelopeOf(
  record: ValidRecord,
  id: string,
  version: number,
  stamp: Stamp,
  origin: GroupOrigin,
): Envelope {
  const { batchId, schemaVersion, pk } = origin;
  return {
    id,
    pk,
    data: record.data,
    _hw: {
      key: record.key,
      version,
      maker: { batchId, index: record.index, schemaVersion },
      newest: stamp,
      hash: record.hash,
      deleted: record.deleted,
    },
  };
}

/** Only our own members: what the store added (`_etag`, `_ts`, …) is not sent back. */
function stripped({ id, pk, data, _hw }: Envelope): Envelope {
  return { id, pk, data, _hw };
}
