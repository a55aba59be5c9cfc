import { arch, cpus, platform, totalmem } from 'node:os';
import type { Bench, Figure, Figures, Threshold } from './bench';

/** Where and when a bench ran. */
export interface Setting {
  readonly date: string;
  readonly node: string;
  readonly machine: string;
}

const INTRODUCTION = `# Measured

Each section is one bench of \`npm run bench -- <name>|all --record\`, as it ran last. The load comes from the machine that is measured, so figures of different machines do not compare; the ratio \`ofBare\` does better. A figure that nobody could tell is a dash. Figures of a machine with a load well above 0 before the run say little.
`;

/** This machine, now; `load` is its load average before the first bench, which tells how quiet it was. */
export function settingOf(now: Date, load: number): Setting {
  const processors = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return {
    date: now.toISOString().slice(0, 10),
    node: process.version,
    machine: `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown'}, ${memory} GiB, ${platform()} ${arch()}, load ${load.toFixed(1)} before`,
  };
}

/** The text of a results file in which the section of this bench is the new one; other sections stay as they are. */
export function record(
  existing: string,
  bench: Pick<Bench, 'name' | 'what' | 'measuresNot' | 'thresholds'>,
  figures: Figures,
  setting: Setting,
): string {
  const sections = new Map<string, string>();
  for (const section of existing.split(/^(?=## )/m).slice(1)) {
    sections.set(section.slice(3, section.indexOf('\n')).trim(), section.trim());
  }
  sections.set(bench.name, sectionOf(bench, figures, setting));
  return `${[INTRODUCTION.trim(), ...sections.values()].join('\n\n')}\n`;
}

function sectionOf(
  bench: Pick<Bench, 'name' | 'what' | 'measuresNot' | 'thresholds'>,
  figures: Figures,
  { date, node, machine }: Setting,
): string {
  const rows = Object.entries(figures).map(([name, figure]) => {
    const threshold = bench.thresholds[name];
    return `| ${name} | ${figureText(figure)} | ${threshold ? thresholdText(threshold) : ''} |`;
  });
  return [
    `## ${bench.name}`,
    '',
    `${date}, Node ${node}, ${machine}`,
    '',
    `Measures ${bench.what}`,
    '',
    `Does not measure ${bench.measuresNot}`,
    '',
    '| figure | value | threshold |',
    '|---|---|---|',
    ...rows,
  ].join('\n');
}

export function thresholdText(threshold: Threshold): string {
  return 'min' in threshold ? `≥ ${format(threshold.min)}` : `≤ ${format(threshold.max)}`;
}

function figureText(figure: Figure): string {
  if (figure === null) return '–';
  if (typeof figure === 'number') return format(figure);
  if (typeof figure === 'string') return figure.replaceAll('|', '\\|');
  return Object.entries(figure)
    .map(([part, value]) => `${part} ${value === null ? '–' : format(value)}`)
    .join(', ');
}

const format = (value: number): string => value.toLocaleString('en-GB', { maximumFractionDigits: 3 });
