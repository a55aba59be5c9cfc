/**
 * Lets so many bytes of work in at a time, in the order in which it came. The platform runs as many activities at once as
 * its settings say, whatever they hold in memory; this bounds what those of large batches hold together.
 */
export class ByteGate {
  private free: number;
  private readonly waiting: { readonly bytes: number; readonly enter: () => void }[] = [];

  /** @param maxBytes work that is larger goes in alone */
  constructor(private readonly maxBytes: number) {
    this.free = maxBytes;
  }

  /** Runs `work` when there is room for it. */
  async run<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const weight = Math.min(bytes, this.maxBytes);
    if (this.waiting.length > 0 || this.free < weight)
      await new Promise<void>((enter) => this.waiting.push({ bytes: weight, enter }));
    else this.free -= weight;
    try {
      return await work();
    } finally {
      this.free += weight;
      this.admit();
    }
  }

  private admit(): void {
    for (let next = this.waiting[0]; next && next.bytes <= this.free; next = this.waiting[0]) {
      this.waiting.shift();
      this.free -= next.bytes;
      next.enter();
    }
  }
}
