import { Presets, SingleBar } from 'cli-progress';
import { twoColumns } from '../table';
import type { LoadResult, Second } from './options';

export interface LoadView {
  second(second: Second): void;
  stop(): void;
}

const COLUMNS = ['second', 'due', 'accepted', 'refused', 'errors', 'p50 ms', 'p99 ms', 'max ms'] as const;
const WIDTH = 9;

/** A line a second, and below it a bar while somebody watches. */
export function loadView(stream: NodeJS.WritableStream & { isTTY?: boolean }, total: number): LoadView {
  const bar = stream.isTTY ? startedBar(stream, total) : undefined;
  // The bar stands in the line that is to be written, and comes back below it.
  const write = (text: string): void => void stream.write(`${bar ? '\r\u001b[K' : ''}${text}\n`);
  write(lineOf(COLUMNS));
  let done = 0;
  return {
    second(second) {
      done += second.accepted;
      write(secondLine(second));
      bar?.update(Math.min(total, done));
    },
    stop: () => bar?.stop(),
  };
}

function startedBar(stream: NodeJS.WritableStream, total: number): SingleBar {
  const format = '{bar} {value} of {total} records accepted';
  const bar = new SingleBar(
    { stream, format, hideCursor: true, clearOnComplete: true },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  return bar;
}

const lineOf = (cells: readonly string[]): string => cells.map((cell) => cell.padStart(WIDTH)).join(' ');

const ms = (value: number | null): string => (value === null ? '-' : value.toFixed(1));

export function secondLine({ second, due, accepted, refused, errors, p50, p99, max }: Second): string {
  return lineOf([...[second, due, accepted, refused, errors].map(String), ms(p50), ms(p99), ms(max)]);
}

/** The result for people. */
export function loadText(result: LoadResult): string {
  const { latency, ownDelay, statuses, cpuMsPerRequest, firstFailure } = result;
  const count = (value: number): string => value.toLocaleString('en');
  const times = (of: LoadResult['latency']): string =>
    of ? `p50 ${ms(of.p50)}, p99 ${ms(of.p99)}, p99.9 ${ms(of.p999)}, max ${ms(of.max)} ms` : 'none';
  const answers = Object.entries(statuses).map(([status, times]) => `${count(times)} × ${status}`);
  return twoColumns([
    ['due', `${count(result.due)} records, ${result.rate} a second over ${result.connections} connections`],
    ['accepted', `${count(result.accepted)}, ${count(result.acceptedPerSecond)} a second`],
    ['latency', `${times(latency)}, from the moment at which a record was due`],
    ['answers', answers.join(', ') || 'none'],
    [
      'sent again',
      `${count(result.retried)}: ${count(result.refused)} refused, ${count(result.serverErrors)} failed in the server, ${count(result.lost)} lost`,
    ],
    ['not accepted', `${count(result.failed)} failed, ${count(result.unanswered)} unanswered`],
    ['generator', `${cpuMsPerRequest ?? '-'} ms of CPU a request; sent late by ${times(ownDelay)}`],
    ...(firstFailure === null ? [] : [['first failure', firstFailure] as const]),
  ]);
}
