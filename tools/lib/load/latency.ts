import { build, type Histogram } from 'hdr-histogram-js';
import type { Latency } from './options';

/** An hour, in µs; what is longer counts as an hour. */
const HIGHEST_US = 3_600_000_000;

/** Times in an HdrHistogram: to the µs, with three digits that are right. */
export class Latencies {
  private readonly histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
  });

  /** @param ms below zero counts as zero: clocks of two readings may differ by that much */
  add(ms: number): void {
    this.histogram.recordValue(Math.min(HIGHEST_US, Math.max(0, Math.round(ms * 1_000))));
  }

  /** What was added since the last reset; undefined for nothing. */
  summary(): Latency | undefined {
    if (this.histogram.totalCount === 0) return undefined;
    const at = (percentile: number): number => this.histogram.getValueAtPercentile(percentile) / 1_000;
    return { p50: at(50), p99: at(99), p999: at(99.9), max: at(100) };
  }

  reset(): void {
    this.histogram.reset();
  }
}
