/** First in, first out, in constant time. */
export class Queue<T> {
  private items: T[] = [];
  private first = 0;

  get size(): number {
    return this.items.length - this.first;
  }

  push(item: T): void {
    this.items.push(item);
  }

  shift(): T | undefined {
    if (this.first === this.items.length) return undefined;
    const item = this.items[this.first++];
    // Moving the rest forward at each shift would cost as much as the queue is long.
    if (this.first * 2 >= this.items.length) {
      this.items = this.items.slice(this.first);
      this.first = 0;
    }
    return item;
  }
}
