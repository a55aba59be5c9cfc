const TICKS_PER_MS = 10_000;
const ISO_SECONDS = 19;

/**
 * Timestamps as the platform writes them: UTC with up to seven digits (100 ns ticks), trailing zeros cut.
 * Each stamp of one clock is later than the one before, also when the system's clock steps back.
 */
export class Clock {
  private ms = 0;
  private ticks = 0;
  private prefix = '';

  constructor(private readonly now: () => Date = () => new Date()) {}

  /** The current time, Unix milliseconds. */
  millis(): number {
    return this.now().getTime();
  }

  stamp(): string {
    const ms = this.millis();
    if (ms > this.ms) {
      this.set(ms, Math.floor((performance.now() % 1) * TICKS_PER_MS));
    } else if (this.ticks + 1 < TICKS_PER_MS) {
      this.ticks++;
    } else {
      this.set(this.ms + 1, 0);
    }
    return format(this.prefix, this.ticks);
  }

  private set(ms: number, ticks: number): void {
    this.ms = ms;
    this.ticks = ticks;
    this.prefix = new Date(ms).toISOString();
  }
}

function format(iso: string, ticks: number): string {
  const fraction = (iso.slice(ISO_SECONDS + 1, -1) + String(ticks).padStart(4, '0')).replace(/0+$/, '');
  return fraction === '' ? `${iso.slice(0, ISO_SECONDS)}Z` : `${iso.slice(0, ISO_SECONDS)}.${fraction}Z`;
}

/** Milliseconds (whole) and ticks below them of a stamp. */
function split(stamp: string): { ms: number; ticks: number } {
  const fraction = stamp.slice(ISO_SECONDS + 1, -1).padEnd(7, '0');
  return {
    ms: Date.parse(`${stamp.slice(0, ISO_SECONDS)}.${fraction.slice(0, 3)}Z`),
    ticks: Number(fraction.slice(3)),
  };
}

/** Unix milliseconds of a stamp. */
export function stampToMillis(stamp: string): number {
  return split(stamp).ms;
}

/** A stamp moved by whole milliseconds; its ticks stay. */
export function addMillis(stamp: string, milliseconds: number): string {
  const { ms, ticks } = split(stamp);
  return format(new Date(ms + milliseconds).toISOString(), ticks);
}

/** Unix milliseconds as a stamp. */
export function millisToStamp(ms: number): string {
  return format(new Date(ms).toISOString(), 0);
}

/** The status API writes whole seconds. */
export function toSeconds(stamp: string): string {
  return `${stamp.slice(0, ISO_SECONDS)}Z`;
}
