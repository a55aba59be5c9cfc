import type { Cloud, Setup } from './cloud';
import type { Progress } from './progress';

/** A measured value; null stands for what nobody could tell, never for zero. */
export type Figure = number | string | null | { readonly [part: string]: number | null };
export type Figures = Record<string, Figure>;

/** What a figure must reach, both ends included. */
export type Threshold = { readonly min: number } | { readonly max: number };

export interface Context {
  /** Multiplies how much work a bench does; thresholds are for 1. */
  readonly scale: number;
  /** Where a bench repeats one kind of work: for how long, instead of how often. */
  readonly seconds: number | undefined;
  /** The repository, absolute. */
  readonly root: string;
  /** A local cloud with an empty store of its own and further settings of the app; the bench disposes of it. */
  startCloud(setup: Setup, settings?: Readonly<Record<string, string>>): Promise<Cloud>;
  progress(what: string, total: number): Progress;
  /** A line for the person who waits. */
  note(text: string): void;
}

export interface Bench {
  readonly name: string;
  /** What is measured, from where to where. */
  readonly what: string;
  /** What a reader might think is in the figures, and is not. */
  readonly measuresNot: string;
  readonly thresholds: Readonly<Record<string, Threshold>>;
  run(context: Context): Promise<Figures>;
}

/** Work at a scale, at least one. */
export function scaled(amount: number, { scale }: Pick<Context, 'scale'>): number {
  return Math.max(1, Math.round(amount * scale));
}

/** Rounds to three significant digits after a leading part that is kept whole: 1234.56 → 1235, 0.123456 → 0.123. */
export function rounded(value: number): number {
  return Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(3));
}

/** The names of the thresholds that the figures miss; a figure that is not there is a miss. */
export function missed(bench: Pick<Bench, 'thresholds'>, figures: Figures): string[] {
  return Object.entries(bench.thresholds).flatMap(([name, threshold]) => {
    const figure = figures[name];
    if (typeof figure !== 'number' || Number.isNaN(figure)) return [name];
    const reached = 'min' in threshold ? figure >= threshold.min : figure <= threshold.max;
    return reached ? [] : [name];
  });
}
