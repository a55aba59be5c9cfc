import { styleText } from 'node:util';
import type { Consumer, Entry, Verdict } from './consumer';
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

/** A stranger's text must not steer the terminal. */
function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is meant
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
