/**
 * Collects the items of one turn of the event loop and hands them over together.
 *
 * `setImmediate` runs after the promise callbacks that one incoming batch set off, so that the answers to a
 * batch travel as a batch.
 */
export class Batch<T> {
  private items: T[] = [];

  constructor(private readonly send: (items: T[]) => void) {}

  add(item: T): void {
    if (this.items.push(item) === 1) setImmediate(() => this.flush());
  }

  private flush(): void {
    const items = this.items;
    this.items = [];
    this.send(items);
  }
}
