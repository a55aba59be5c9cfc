import { styleText } from 'node:util';
import type { Consumer, Entry, Verdict } from './consumer';
import { plain } from './plain';
import { twoColumns } from './table';

type Colour = Extract<Parameters<typeof styleText>[0], string>;

const COLOURS: Readonly<Record<Verdict, Colour>> = {
  taken: 'green',
  duplicate: 'yellow',
  older: 'yellow',
  refused: 'red',
  hanging: 'red',
};

/** One request in a line for people; coloured where the terminal can show it. */
export function line(entry: Entry): string {
  const { at, kind, dataset, subject, version, batchId, attempt, verdict, answered } = entry;
  return [
    new Date(at).toISOString().slice(11, 23),
    kind.padEnd(8),
    `${plain(dataset)}/${plain(subject)}`,
    `v${version}`,
    `batch ${plain(batchId)}`,
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
    styleText(COLOURS[verdict], answered === undefined ? verdict : `${answered} ${verdict}`),
  ].join('  ');
}

/** What a consumer has seen, at its end. */
export function summary({ stats, holdings }: Pick<Consumer, 'stats' | 'holdings'>): string {
  const counts: [string, number][] = [
    ['received', stats.received],
    ['accepted', stats.accepted],
    ['refused', stats.refused],
    ['duplicates', stats.duplicates],
    ['versions out of order', stats.outOfOrder],
    ['bad signatures', stats.badSignatures],
    ['malformed', stats.malformed],
    ['documents held', holdings.documents().length],
  ];
  return twoColumns(counts.map(([name, count]) => [name, String(count)]));
}
