import type { Attempt, DeadLetter, DeliveryRow, EventKind, LastAttempt } from './row';

/**
 * How a delivery row moves on. Each function gives the row to be stored, or undefined when there is nothing to store;
 * the caller stores it under the ETag that it read, and asks again when somebody else was first.
 */

/**
 * Raises what is owed. A row that waits after a failure keeps its pause; one that rested starts afresh.
 * @param revision of the subscription by which the version is owed: who sends it must not know an older filter only
 */
export function raise(
  row: DeliveryRow,
  version: number,
  revision: number,
  now: number,
): DeliveryRow | undefined {
  if (version <= row.owed) return undefined;
  const raised = { ...row, owed: version, revision: Math.max(row.revision, revision) };
  return row.due === undefined ? { ...raised, due: now, failures: 0 } : raised;
}

/** Whether a version is owed whose fate is not decided. */
export function isPending(row: DeliveryRow): boolean {
  return row.owed > row.settled;
}

/** The document as a request would find it; undefined when the store has none. */
export interface Present {
  readonly version: number;
  readonly deleted: boolean;
  /** Whether it matches the filter in force. */
  readonly matches: boolean;
}

export type Plan =
  /** Send this. */
  | { readonly type: 'send'; readonly kind: EventKind; readonly version: number }
  /** No request is needed: store this row. */
  | { readonly type: 'rest'; readonly row: DeliveryRow }
  /** Another request is under way, or it is too early. */
  | { readonly type: 'wait' };

/** What is to be done about a row that is due, by the document as it is now. */
export function plan(row: DeliveryRow, present: Present | undefined, now: number): Plan {
  if (row.due === undefined || row.due > now) return { type: 'wait' };
  if (!present) return { type: 'rest', row: rest(row, row.owed, now) };
  const { version } = present;
  const news = version > row.settled;
  // Read from a replica that is behind: what is owed is not visible there yet.
  if (isPending(row) && !news) return { type: 'wait' };
  if (!present.deleted && present.matches) {
    return news || row.replay !== undefined
      ? { type: 'send', kind: 'upserted', version }
      : { type: 'rest', row: rest(row, version, now) };
  }
  if (row.told && (news || isRechecked(row)))
    return { type: 'send', kind: present.deleted ? 'deleted' : 'removed', version };
  return { type: 'rest', row: rest(row, version, now) };
}

/** Also when the request that was to tell it was lost. */
const isRechecked = (row: DeliveryRow): boolean => row.recheck === true || row.attempt?.recheck === true;

/** Settles what needs no request, up to `version`. */
function rest(row: DeliveryRow, version: number, now: number): DeliveryRow {
  const settled = Math.max(row.settled, version);
  const notOwed = row.notOwed + settled - row.settled;
  const rested = { ...row, owed: Math.max(row.owed, settled), settled, notOwed };
  return finished(without(rested, 'replay', 'recheck'), now);
}

/** Notes a request before it is started. From then on the receiver may have been told. */
export function claim(
  row: DeliveryRow,
  { kind, version }: { readonly kind: EventKind; readonly version: number },
  token: string,
  until: number,
): DeliveryRow {
  const isReplay = version <= row.settled && kind === 'upserted' && row.replay !== undefined;
  const attempt: Attempt = {
    token,
    kind,
    version,
    until,
    ...(isReplay ? { replay: row.replay } : {}),
    ...(isRechecked(row) ? { recheck: true } : {}),
  };
  return {
    // A filter that changes while the request is under way sets the mark again.
    ...without(row, 'recheck'),
    attempt,
    owed: Math.max(row.owed, version),
    told: row.told || kind === 'upserted',
    due: until,
  };
}

/** How a request ended. `retryAt` (ms since the epoch) is absent when it was the last one for this version. */
export type Ending =
  | { readonly type: 'delivered'; readonly last: LastAttempt }
  | {
      readonly type: 'failed';
      readonly last: LastAttempt;
      readonly retryAt?: number;
      readonly reason: string;
    };

/**
 * Settles a request by its token; undefined when the row is no longer this request's. A version that a later one
 * replaced before it was delivered counts as superseded.
 */
export function settle(
  row: DeliveryRow,
  token: string,
  ending: Ending,
  now: number,
): DeliveryRow | undefined {
  const { attempt } = row;
  if (attempt?.token !== token) return undefined;
  const { last } = ending;
  if (ending.type === 'failed' && ending.retryAt !== undefined) {
    const waiting = { ...without(row, 'attempt'), failures: row.failures + 1, due: ending.retryAt, last };
    return attempt.recheck === true ? { ...waiting, recheck: true } : waiting;
  }
  const { version, kind } = attempt;
  const counts = version > row.settled;
  const settled = Math.max(row.settled, version);
  const superseded = row.superseded + (counts ? version - row.settled - 1 : 0);
  const one = counts ? 1 : 0;
  const endsReplay = kind !== 'upserted' || attempt.replay === row.replay;
  const before = endsReplay ? without(row, 'replay', 'attempt') : without(row, 'attempt');
  const done: DeliveryRow = { ...before, settled, superseded, last };
  if (ending.type === 'delivered') {
    const delivered = { ...done, delivered: row.delivered + one, told: kind === 'upserted' };
    return finished(without(delivered, 'deadLetter'), now);
  }
  const deadLetter: DeadLetter = {
    version,
    kind,
    at: last.at,
    reason: ending.reason,
    counted: counts,
    ...(attempt.replay === undefined ? {} : { replay: attempt.replay }),
  };
  return finished({ ...done, deadLettered: row.deadLettered + one, deadLetter }, now);
}

/** A row whose request is over: due again when there is more to do. */
function finished(row: DeliveryRow, now: number): DeliveryRow {
  const rested = { ...without(row, 'attempt', 'due'), failures: 0 };
  const more = isPending(rested) || rested.replay !== undefined || rested.recheck === true;
  return more ? { ...rested, due: now } : rested;
}

/** Asks for another request by hand: at once for a row that waits, afresh for one that was given up. */
export function retry(row: DeliveryRow, now: number): DeliveryRow | undefined {
  if (row.attempt) return undefined;
  if (row.due !== undefined) return row.due > now ? { ...row, due: now, failures: 0 } : undefined;
  const { deadLetter } = row;
  if (!deadLetter) return undefined;
  const again = { ...without(row, 'deadLetter'), due: now, failures: 0 };
  if (deadLetter.counted && deadLetter.version === row.settled)
    return { ...again, settled: row.settled - 1, deadLettered: row.deadLettered - 1 };
  if (deadLetter.replay !== undefined) return { ...again, replay: deadLetter.replay };
  return deadLetter.kind === 'upserted' ? undefined : { ...again, recheck: true };
}

/** Has the row looked at by a filter that changed: the receiver may have to be told that the document left it. */
export function recheck(row: DeliveryRow, revision: number, now: number): DeliveryRow {
  const looked = { ...row, revision };
  return row.told ? { ...looked, recheck: true, due: row.due ?? now } : looked;
}

/** Has the present document sent again. */
export function replay(row: DeliveryRow, name: string, now: number): DeliveryRow {
  return { ...row, replay: name, due: row.due ?? now };
}

/** Takes back a claim whose request was never started. */
export function release(row: DeliveryRow, token: string, now: number): DeliveryRow | undefined {
  if (row.attempt?.token !== token) return undefined;
  const released = { ...without(row, 'attempt'), due: now };
  return row.attempt.recheck === true ? { ...released, recheck: true } : released;
}

type Optional = 'attempt' | 'deadLetter' | 'due' | 'recheck' | 'replay';

function without(row: DeliveryRow, ...members: Optional[]): DeliveryRow {
  const copy: { -readonly [K in keyof DeliveryRow]: DeliveryRow[K] } = { ...row };
  for (const member of members) delete copy[member];
  return copy;
}
