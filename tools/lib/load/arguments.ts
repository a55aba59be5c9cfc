import { parseArgs } from 'node:util';
import { localKey } from '../local-key';
import { KEY_VARIABLE } from '../produce/arguments';
import { LOAD_DEFAULTS, type LoadOptions } from './options';
import { LOADED } from './records';

const DEFAULT_TO = 'http://127.0.0.1:7071';
const DEFAULT_DATA = '.headwater';

export const LOAD_USAGE = `Usage: npm run load -- [options]

what is sent
  --rate N         records a second, one in each request, at fixed moments (default: ${LOAD_DEFAULTS.rate})
  --duration S     for so many seconds (default: ${LOAD_DEFAULTS.duration})
  --connections N  connections that are kept alive (default: ${LOAD_DEFAULTS.connections})
  --dataset NAME   ${LOADED.join(', ')} (default: ${LOAD_DEFAULTS.dataset})
  --ids N          how many different keys there are (default: ${LOAD_DEFAULTS.ids})
  --seed N         the same seed makes the same records, but for their times (default: ${LOAD_DEFAULTS.seed})

where to
  --to URL         where Headwater is (default: ${DEFAULT_TO})
  --key K          a function key (default: the environment's ${KEY_VARIABLE}, else that of "npm start" on this machine)
  --data DIR       where "npm start" keeps its state, and its key (default: ${DEFAULT_DATA})

what is told
  --grace S        how long to wait in the end for what is not accepted (default: ${LOAD_DEFAULTS.graceMs / 1_000})
  --log FILE       which record was accepted under which id
  --json FILE      the result as JSON; - is standard output

It ends with 0 when every record was accepted, 3 when some were not, 1 when it failed, 130 when it was interrupted.`;

export type LoadArguments =
  | { readonly kind: 'help' }
  | { readonly kind: 'fault'; readonly message: string }
  | { readonly kind: 'load'; readonly options: LoadOptions; readonly json: string | undefined };

const OPTIONS = {
  rate: { type: 'string' },
  duration: { type: 'string' },
  connections: { type: 'string' },
  dataset: { type: 'string', default: LOAD_DEFAULTS.dataset },
  ids: { type: 'string' },
  seed: { type: 'string' },
  to: { type: 'string', default: DEFAULT_TO },
  key: { type: 'string' },
  data: { type: 'string', default: DEFAULT_DATA },
  grace: { type: 'string' },
  log: { type: 'string' },
  json: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

class Fault extends Error {}

/** What the command line asks for, or what is wrong with it. */
export function readLoadArguments(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): LoadArguments {
  try {
    const { values } = parseArgs({ args: [...argv], options: OPTIONS });
    if (values.help) return { kind: 'help' };
    const { dataset, json, log } = values;
    if (!LOADED.some((name) => name === dataset))
      throw new Fault(`Records can be made for ${LOADED.join(', ')}, not for "${dataset}".`);
    const options = {
      ...targetOf(values, environment),
      dataset,
      rate: numberIn(values.rate, '--rate', 0.1, 100_000) ?? LOAD_DEFAULTS.rate,
      duration: numberIn(values.duration, '--duration', 0.1, 1e6) ?? LOAD_DEFAULTS.duration,
      connections: wholeIn(values.connections, '--connections', 1, 10_000) ?? LOAD_DEFAULTS.connections,
      seed: wholeIn(values.seed, '--seed', 0, 2 ** 32 - 1) ?? LOAD_DEFAULTS.seed,
      ids: wholeIn(values.ids, '--ids', 1, 1_000_000) ?? LOAD_DEFAULTS.ids,
      graceMs: 1_000 * (numberIn(values.grace, '--grace', 0, 1e6) ?? LOAD_DEFAULTS.graceMs / 1_000),
      ...(log === undefined ? {} : { log }),
    };
    return { kind: 'load', options, json };
  } catch (error) {
    const { code, message } = error as Error & { code?: unknown };
    if (error instanceof Fault || error instanceof RangeError || String(code).startsWith('ERR_PARSE_ARGS'))
      return { kind: 'fault', message };
    throw error;
  }
}

interface Where {
  readonly to: string;
  readonly key?: string | undefined;
  readonly data: string;
}

function targetOf(
  { to, key, data }: Where,
  environment: Readonly<Record<string, string | undefined>>,
): { to: string; key: string } {
  if (!/^https?:\/\//.test(to) || !URL.canParse(to))
    throw new Fault(`--to must be an address such as ${DEFAULT_TO}, and is "${to}".`);
  const found = key ?? (environment[KEY_VARIABLE] || localKey(to, data));
  if (found === undefined)
    throw new Fault(
      `A function key is needed: --key, ${KEY_VARIABLE} in the environment, or that of "npm start", which is not in ${data}.`,
    );
  if (!/^[\x21-\x7e]+$/.test(found)) throw new Fault('The function key holds characters that no key has.');
  return { to: to.replace(/\/+$/, ''), key: found };
}

/** @throws RangeError naming the option, when the text is no number between the two */
export function numberIn(
  text: string | undefined,
  name: string,
  least: number,
  most: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && value >= least && value <= most) return value;
  throw new RangeError(`${name} must be a number from ${least} to ${most}, and is "${text}".`);
}

/** As {@link numberIn}, of whole numbers. */
export function wholeIn(
  text: string | undefined,
  name: string,
  least: number,
  most: number,
): number | undefined {
  const value = numberIn(text, name, least, most);
  if (value === undefined || Number.isInteger(value)) return value;
  throw new RangeError(`${name} must be a whole number, and is "${text}".`);
}
