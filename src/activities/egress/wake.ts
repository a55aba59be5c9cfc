/**
 * Tells the drains of this process that something new is owed, so that they need not look. A drain in another process
 * finds out when it looks the next time.
 */
export class Wake {
  private readonly lanes = new Map<number, Set<(pk: string) => void>>();

  /** Calls `wake` with each partition of rows in which something new is owed, until the result is called. */
  listen(lane: number, wake: (pk: string) => void): () => void {
    const listeners = this.lanes.get(lane) ?? new Set();
    this.lanes.set(lane, listeners.add(wake));
    return () => {
      listeners.delete(wake);
    };
  }

  /** @returns whether a drain of this process has been told */
  notify(lane: number, pk: string): boolean {
    const listeners = this.lanes.get(lane);
    if (!listeners || listeners.size === 0) return false;
    for (const wake of listeners) wake(pk);
    return true;
  }
}
