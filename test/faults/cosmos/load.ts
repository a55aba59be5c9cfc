import type { Database } from '@azure/cosmos';
import type { Answer, Endpoint } from './endpoint';

/** Clients that write until the endpoint is gone, and know afterwards what must be true. */
export interface Load {
  /** Makes what they need, before the first life. */
  prepare(database: Database): Promise<unknown>;
  /** Ends when the endpoint is gone. */
  run(endpoint: Endpoint): Promise<unknown>;
  /** Holds what is there in the next life against what was acknowledged, and goes on from it. */
  check(database: Database): Promise<unknown>;
}

/** What the only writer of a value knows of it. */
export class Known<T> {
  private inFlight: readonly T[] = [];

  constructor(public acknowledged: T) {}

  /** Whether a change of it is on its way, or was when the endpoint went. */
  get isOpen(): boolean {
    return this.inFlight.length > 0;
  }

  async change<A>(to: T, answer: Promise<Answer<A>>): Promise<Answer<A>> {
    this.inFlight = [to];
    const answered = await answer;
    if (answered.kind === 'gone') return answered;
    this.inFlight = [];
    if (answered.kind === 'done') this.acknowledged = to;
    return answered;
  }

  /** What is there must be what was acknowledged, or what was in flight. */
  settle(found: T): void {
    expect([this.acknowledged, ...this.inFlight]).toContainEqual(found);
    this.acknowledged = found;
    this.inFlight = [];
  }
}

/**
 * Whether a request was done; false when the endpoint is gone.
 * @throws when it was refused otherwise than by one of `codes`.
 */
export function isDone<T>(
  answer: Answer<T>,
  ...codes: readonly number[]
): answer is Extract<Answer<T>, { kind: 'done' }> {
  if (answer.kind === 'refused') expect(codes).toContain(answer.code);
  return answer.kind === 'done';
}
