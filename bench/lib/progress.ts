import { Presets, SingleBar } from 'cli-progress';

export interface Progress {
  /** Adds to what is done. */
  add(amount?: number): void;
  stop(): void;
}

/** A bar on stderr while somebody watches, nothing otherwise. */
export function progress(what: string, total: number): Progress {
  if (!process.stderr.isTTY) return { add: () => undefined, stop: () => undefined };
  const bar = new SingleBar(
    {
      stream: process.stderr,
      format: `${what} {bar} {value}/{total}`,
      hideCursor: true,
      clearOnComplete: true,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  return { add: (amount = 1) => bar.increment(amount), stop: () => bar.stop() };
}
