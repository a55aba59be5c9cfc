import { randomInt } from 'node:crypto';
import { isDiskFull } from '../shared/files';
import { log } from '../shared/log';
import type { ClaimFile, StoredClaim } from './claims';
import { refusal, type Refusal } from './conditions';
import { MAX_PRODUCER_GROUPS } from './limits';

/** What a producer asks for when it opens its link; what it leaves out is for the endpoint to say. */
export interface ClaimRequest {
  readonly group: number | undefined;
  readonly level: number | undefined;
  readonly last: number | undefined;
}

/** What a producer got: its events follow `last`. */
export interface Claim {
  readonly group: number;
  readonly level: number;
  readonly last: number;
}

/** A send of an idempotent producer: its events are numbered from `first` to `last`. */
export interface NumberedSend {
  readonly group: number;
  readonly level: number;
  readonly first: number;
  readonly last: number;
}

interface State {
  readonly level: number;
  last: number;
  /** Number of the first event of the newest send; undefined before the first one of this level. */
  first: number | undefined;
  /** When the group was claimed or sent last, in milliseconds since the epoch. */
  time: number;
}

/** Group ids that the endpoint gives: far more than would ever meet by chance. */
const MAX_GIVEN_GROUP = 2 ** 47;
const MAX_LEVEL = 32_767;
const MAX_NUMBER = 2 ** 31 - 1;

/** The number after `number`: they begin anew after the largest 32-bit integer. */
export function numberAfter(number: number): number {
  return number === MAX_NUMBER ? 0 : number + 1;
}

/**
 * What a partition knows of its idempotent producers: by group, the owner level and the newest numbers. It is
 * rebuilt from the log, so that it cannot disagree with the events; only claims that the log does not show yet have a
 * file. A group is forgotten when its newest event has expired.
 * https://learn.microsoft.com/javascript/api/@azure/event-hubs/eventhubbufferedproducerclientoptions
 */
export class Producers {
  /** The group that was idle longest comes first. */
  private readonly states = new Map<number, State>();
  /** What is under way for a group: claims and sends of a group take turns. */
  private readonly turns = new Map<number, Promise<unknown>>();
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly file: ClaimFile) {
    for (const { group, level, last, time } of file.recovered) {
      this.keep(group, { level, last, first: undefined, time });
    }
  }

  /** Takes note of a send that is in the log, in the order of the log. */
  recover({ group, level, first, last }: NumberedSend, time: number): void {
    if ((this.states.get(group)?.level ?? 0) <= level) this.keep(group, { level, first, last, time });
  }

  /** A producer opens its link. A level above the one known takes the group over, once that is on disk. */
  claim(request: ClaimRequest): Promise<Claim | Refusal> {
    const refused = checkRequest(request);
    if (refused) return Promise.resolve(refused);
    const group = request.group ?? randomInt(1, MAX_GIVEN_GROUP);
    return this.inTurn(group, async () => {
      const known = this.states.get(group);
      const level = request.level ?? known?.level ?? 0;
      if (known && level <= known.level) return { group, level, last: request.last ?? known.last };
      const claimed = { level, last: request.last ?? 0, time: Date.now() };
      const notStored = level > 0 ? await this.store({ group, ...claimed }) : undefined;
      if (notStored) return notStored;
      if (level === 0) this.keep(group, { ...claimed, first: undefined });
      return { group, level, last: claimed.last };
    });
  }

  /**
   * Lets `append` store a send if its numbers follow. An exact repeat of the newest one is already stored, and
   * nothing is done.
   */
  publish(send: NumberedSend, append: () => Promise<Refusal | undefined>): Promise<Refusal | undefined> {
    return this.inTurn(send.group, async () => {
      const { group, level, first, last } = send;
      const known = this.states.get(group);
      const verdict = check(send, known);
      if (verdict === 'repeat') return undefined;
      if (verdict !== 'next') return verdict;
      const refused = await append();
      if (!refused) this.keep(group, { level, first, last, time: Date.now() });
      return refused;
    });
  }

  /** Forgets the groups that were idle since `time` (milliseconds since the epoch). */
  forgetBefore(time: number): void {
    for (const [group, state] of this.states) if (state.time < time) this.states.delete(group);
  }

  private keep(group: number, state: State): void {
    this.states.delete(group);
    this.states.set(group, state);
    if (this.states.size <= MAX_PRODUCER_GROUPS) return;
    for (const idle of this.states.keys()) {
      this.states.delete(idle);
      return;
    }
  }

  private inTurn<T>(group: number, work: () => Promise<T>): Promise<T> {
    const before = this.turns.get(group) ?? Promise.resolve();
    const turn = before.then(work);
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    this.turns.set(group, settled);
    void settled.then(() => {
      if (this.turns.get(group) === settled) this.turns.delete(group);
    });
    return turn;
  }

  /** Keeps a claim once it is on disk, together with those that the log does not show either. */
  private async store(claim: StoredClaim): Promise<Refusal | undefined> {
    const { group, level, last, time } = claim;
    const written = this.writing.then(async () => {
      await this.file.write([...this.unseen(group), claim]);
      this.keep(group, { level, last, first: undefined, time });
    });
    this.writing = written.catch(() => undefined);
    try {
      await written;
      return undefined;
    } catch (error) {
      if (isDiskFull(error)) {
        return refusal('amqp:resource-limit-exceeded', 'No space is left on the device; nothing was stored.');
      }
      log('eventhubs', `The claim of a producer could not be stored: ${String(error)}`);
      return refusal('amqp:internal-error', 'The owner level could not be stored.');
    }
  }

  private unseen(except: number): StoredClaim[] {
    return [...this.states].flatMap(([group, { level, last, first, time }]) =>
      group === except || first !== undefined || level === 0 ? [] : [{ group, level, last, time }],
    );
  }
}

function checkRequest({ group = 0, level = 0, last = 0 }: ClaimRequest): Refusal | undefined {
  const isValid = group >= 0 && level >= 0 && level <= MAX_LEVEL && last >= 0 && last <= MAX_NUMBER;
  if (isValid) return undefined;
  return refusal(
    'com.microsoft:argument-out-of-range',
    'Invalid range for idempotent producer state. Producer Id, Epoch, and Sequence Number must be zero or positive.',
  );
}

/** What to do with a send, given what is known of its group. */
function check(
  { group, level, first, last }: NumberedSend,
  known: State | undefined,
): Refusal | 'next' | 'repeat' {
  // Forgotten: its events have expired.
  if (!known) return 'next';
  if (level < known.level) {
    return refusal(
      'com.microsoft:producer-epoch-stolen',
      `The producer epoch of producer group ${group} has been taken over by a higher one. Received:${level} Current:${known.level}`,
    );
  }
  if (first === known.first && last === known.last) return 'repeat';
  const expected = numberAfter(known.last);
  if (first === expected) return 'next';
  const what = first < expected ? 'an old sequence number' : 'a sequence number ahead of its turn';
  return refusal(
    'com.microsoft:out-of-order-sequence',
    `Producer group ${group} sent ${what}: an old sequence is no repeat. Received:${first} Expected:${expected}`,
  );
}
