/** In flight at first; more with each success, half of it with each request that gets no answer. */
const FIRST_WINDOW = 8;

/** What a process knows of a subscription's receiver; lost with the process, which costs some more requests. */
export interface Receiver {
  /** Requests that it may have under way, as it does of late. */
  window: number;
  /** Average time of a request of late, ms. */
  latency: number;
  /** It wants to be left alone until then, ms since the epoch. */
  heldUntil: number;
  /** No request has succeeded since, ms since the epoch. */
  failingSince: number | undefined;
}

/** The receivers that this process has sent to, by subscription. */
export class Receivers {
  private readonly known = new Map<string, Receiver>();

  of(subscription: string): Receiver {
    let receiver = this.known.get(subscription);
    if (!receiver) {
      receiver = { window: FIRST_WINDOW, latency: 100, heldUntil: 0, failingSince: undefined };
      this.known.set(subscription, receiver);
    }
    return receiver;
  }

  /** Forgets the others, so that this does not grow. */
  keep(subscriptions: ReadonlySet<string>): void {
    for (const id of this.known.keys()) if (!subscriptions.has(id)) this.known.delete(id);
  }
}
