import { arch, cpus, platform, totalmem } from 'node:os';
import { missed, type Bench, type Figure, type Figures, type Threshold } from './bench';

/** Where and when a bench ran. */
export interface Setting {
  readonly date: string;
  readonly node: string;
  readonly machine: string;
  /** The load average of the last minute before the first bench: how quiet the machine was. */
  readonly loadBefore: number;
  /** What the command line asked for that is not the usual: thresholds are not meant for it. */
  readonly options: string;
}

const INTRODUCTION = `# Measured

Each section is one bench of \`npm run bench -- <name>|all --record\`, as it ran last; \`README.md\` beside this file says how to read them. The load comes from the machine that is measured, so figures of different machines do not compare. A dash stands for what nobody could tell.
`;

/** This machine, now. */
export function settingOf(now: Date, loadBefore: number, options: string): Setting {
  const processors = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return {
    date: now.toISOString().slice(0, 10),
    node: process.version,
    machine: `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown'}, ${memory} GiB, ${platform()} ${arch()}`,
    loadBefore,
    options,
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
  setting: Setting,
): string {
  const misses = missed(bench, figures);
  const rows = Object.entries(figures).map(([name, figure]) => {
    const threshold = bench.thresholds[name];
    const text = threshold ? thresholdText(threshold) : '';
    return `| ${name} | ${figureText(figure)} | ${misses.includes(name) ? `${text}, missed` : text} |`;
  });
  return [
    `## ${bench.name}`,
    '',
    settingText(setting),
    '',
    `Measures ${bench.what}`,
    '',
    `Does not measure ${bench.measuresNot}`,
    '',
    '| figure | value | threshold |',
    '| --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function settingText({ date, node, machine, loadBefore, options }: Setting): string {
  const unusual = options === '' ? '' : ` Run with \`${options}\`, for which the thresholds are not meant.`;
  return `${date}, Node ${node}, ${machine}. Load before the run: ${loadBefore.toFixed(1)}.${unusual}`;
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
