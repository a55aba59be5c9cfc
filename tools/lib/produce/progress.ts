import { Presets, SingleBar } from 'cli-progress';
import type { ProgressReport } from './options';

/** Between two lines where nobody watches, ms. */
const LINE_EVERY_MS = 10_000;

export interface ProgressView {
  show(progress: ProgressReport): void;
  stop(): void;
}

/** A bar while somebody watches and the end is known; else a line now and then. */
export function progressView(
  stream: NodeJS.WritableStream & { isTTY?: boolean },
  now: () => number = Date.now,
): ProgressView {
  return stream.isTTY ? new Bar(stream) : new Lines(stream, now);
}

class Lines implements ProgressView {
  private shownAt: number;

  constructor(
    private readonly stream: NodeJS.WritableStream,
    private readonly now: () => number,
  ) {
    this.shownAt = now();
  }

  show(progress: ProgressReport): void {
    if (this.now() - this.shownAt < LINE_EVERY_MS) return;
    this.shownAt = this.now();
    const { read, total } = progress;
    const share = total === undefined || total === 0 ? '' : `${Math.floor((read / total) * 100)} % read, `;
    this.stream.write(`${share}${records(progress)}\n`);
  }

  stop(): void {}
}

class Bar implements ProgressView {
  private bar: SingleBar | undefined;

  constructor(private readonly stream: NodeJS.WritableStream) {}

  show(progress: ProgressReport): void {
    // Without an end the bar stands for the records that are closed.
    const { read, total = Math.max(1, progress.accepted) } = progress;
    const value = progress.total === undefined ? progress.closed : read;
    this.bar ??= this.start(total);
    this.bar.update(Math.min(value, total), { records: records(progress) });
  }

  stop(): void {
    this.bar?.stop();
  }

  private start(total: number): SingleBar {
    const format = '{bar} {percentage} %  {records}';
    const bar = new SingleBar(
      { stream: this.stream, format, hideCursor: true, clearOnComplete: true },
      Presets.shades_classic,
    );
    bar.start(total, 0, { records: '' });
    return bar;
  }
}

function records({ accepted, closed }: ProgressReport): string {
  const count = (value: number): string => value.toLocaleString('en');
  return closed === 0
    ? `${count(accepted)} records accepted`
    : `${count(accepted)} records accepted, ${count(closed)} closed`;
}
