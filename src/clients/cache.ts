/**
 * What was written once never changes, so whoever wrote or read it in this process need not fetch it again.
 * Least recently used entries go first when the bound is reached.
 */
export class WriteOnceCache {
  private readonly entries = new Map<string, Buffer>();
  private size = 0;

  /** @param maxBytes bound of all entries together */
  constructor(private readonly maxBytes: number) {}

  get(name: string): Buffer | undefined {
    const found = this.entries.get(name);
    if (!found) return undefined;
    this.entries.delete(name);
    this.entries.set(name, found);
    return found;
  }

  set(name: string, content: Buffer): void {
    this.delete(name);
    if (content.length > this.maxBytes) return;
    this.entries.set(name, content);
    this.size += content.length;
    for (const oldest of this.entries.keys()) {
      if (this.size <= this.maxBytes) break;
      this.delete(oldest);
    }
  }

  delete(name: string): void {
    const found = this.entries.get(name);
    if (!found) return;
    this.entries.delete(name);
    this.size -= found.length;
  }
}
