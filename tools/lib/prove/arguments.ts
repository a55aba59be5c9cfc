import { parseArgs } from 'node:util';
import { numberIn, wholeIn } from '../load/arguments';
import { LOAD_DEFAULTS } from '../load/options';
import { SABOTAGES, type Sabotage } from './sabotages';

export interface ProveOptions {
  /** Records a second. */
  readonly rate: number;
  /** seconds */
  readonly duration: number;
  /** For so many seconds before, which do not count for the times at the door: until the code is compiled. */
  readonly warmUp: number;
  readonly connections: number;
  readonly ids: number;
  readonly seed: number;
  /** A part of the local cloud is killed every ten seconds. */
  readonly chaos: boolean;
  readonly sabotage?: Sabotage;
}

const DEFAULTS = { rate: 200, duration: 60, warmUp: 30 } as const;

export const PROVE_USAGE = `Usage: npm run prove -- [options]

Starts a local cloud of its own with two subscribers, of whom one refuses 40 % of what it is sent, sends records at a
constant rate, and checks afterwards, record by record and from the stores themselves, that none is lost.

  --rate N         records a second (default: ${DEFAULTS.rate})
  --duration S     for so many seconds (default: ${DEFAULTS.duration})
  --warm-up S      for so many seconds before, which count but for the times at the door (default: ${DEFAULTS.warmUp})
  --connections N  connections of the load (default: ${LOAD_DEFAULTS.connections})
  --ids N          how many different keys there are (default: ${LOAD_DEFAULTS.ids})
  --seed N         of the records, of what is refused, and of what is killed (default: ${LOAD_DEFAULTS.seed})
  --chaos          every 10 s kill -9 of a part of the cloud: a store, the Functions host, or a worker
  --sabotage X     lose something on purpose, which the proof has to find: ${Object.keys(SABOTAGES).join(', ')}
  --json FILE      all figures and findings as JSON; - is standard output

It ends with 0 when nothing is wrong, 1 when something is, 2 when it has not found what was lost on purpose. What it has
found is written into bench/PROOF.md, unless there is sabotage.`;

export type ProveArguments =
  | { readonly kind: 'help' }
  | { readonly kind: 'fault'; readonly message: string }
  | { readonly kind: 'prove'; readonly options: ProveOptions; readonly json: string | undefined };

const OPTIONS = {
  rate: { type: 'string' },
  duration: { type: 'string' },
  'warm-up': { type: 'string' },
  connections: { type: 'string' },
  ids: { type: 'string' },
  seed: { type: 'string' },
  chaos: { type: 'boolean', default: false },
  sabotage: { type: 'string' },
  json: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** What the command line asks for, or what is wrong with it. */
export function readProveArguments(argv: readonly string[]): ProveArguments {
  try {
    const { values } = parseArgs({ args: [...argv], options: OPTIONS });
    if (values.help) return { kind: 'help' };
    const { sabotage, chaos, json } = values;
    if (sabotage !== undefined && !isSabotage(sabotage))
      throw new RangeError(`--sabotage must be one of ${Object.keys(SABOTAGES).join(', ')}.`);
    const options = {
      rate: numberIn(values.rate, '--rate', 0.1, 100_000) ?? DEFAULTS.rate,
      warmUp: numberIn(values['warm-up'], '--warm-up', 0, 3_600) ?? DEFAULTS.warmUp,
      duration: numberIn(values.duration, '--duration', 1, 86_400) ?? DEFAULTS.duration,
      connections: wholeIn(values.connections, '--connections', 1, 10_000) ?? LOAD_DEFAULTS.connections,
      ids: wholeIn(values.ids, '--ids', 1, 1_000_000) ?? LOAD_DEFAULTS.ids,
      seed: wholeIn(values.seed, '--seed', 0, 2 ** 32 - 1) ?? LOAD_DEFAULTS.seed,
      chaos,
      ...(sabotage === undefined ? {} : { sabotage }),
    };
    return { kind: 'prove', options, json };
  } catch (error) {
    const { code, message } = error as Error & { code?: unknown };
    if (error instanceof RangeError || String(code).startsWith('ERR_PARSE_ARGS'))
      return { kind: 'fault', message };
    throw error;
  }
}

const isSabotage = (text: string): text is Sabotage => Object.hasOwn(SABOTAGES, text);
