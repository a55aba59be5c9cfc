/** A token bucket: so many requests a second, and at most one second's worth at once. */
export class Rate {
  private tokens: number;
  private at: number;

  /** @param perSecond requests a second; Infinity: no limit */
  constructor(
    private perSecond: number,
    now: number,
  ) {
    this.tokens = Math.max(1, perSecond);
    this.at = now;
  }

  change(perSecond: number): void {
    this.perSecond = perSecond;
  }

  /** Takes a token if there is one; else gives the time (ms) until there is. */
  take(now: number): number {
    if (this.perSecond === Infinity) return 0;
    const most = Math.max(1, this.perSecond);
    this.tokens = Math.min(most, this.tokens + ((now - this.at) / 1000) * this.perSecond);
    this.at = now;
    if (this.tokens < 1) return ((1 - this.tokens) / this.perSecond) * 1000;
    this.tokens--;
    return 0;
  }
}
