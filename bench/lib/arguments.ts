import { parseArgs } from 'node:util';

export interface Arguments {
  readonly names: readonly string[];
  readonly scale: number;
  readonly seconds: number | undefined;
  readonly record: boolean;
}

/** What the command line asks for, or what is wrong with it. `all` stands for every name of `known`. */
export function parseArguments(
  argv: readonly string[],
  known: readonly string[],
): { ok: true; value: Arguments } | { ok: false; fault: string } {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        scale: { type: 'string', default: '1' },
        seconds: { type: 'string' },
        record: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return { ok: false, fault: (error as Error).message };
  }
  const { values, positionals } = parsed;
  const unknown = positionals.find((name) => name !== 'all' && !known.includes(name));
  if (unknown !== undefined) return { ok: false, fault: `There is no bench "${unknown}".` };
  if (positionals.length === 0) return { ok: false, fault: 'Which bench?' };
  const scale = Number(values.scale);
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
  if (!(scale > 0 && scale <= 1_000)) return { ok: false, fault: '--scale must be above 0, at most 1000.' };
  if (seconds !== undefined && !(seconds > 0 && seconds <= 86_400)) {
    return { ok: false, fault: '--seconds must be above 0, at most 86400.' };
  }
  const names = positionals.includes('all') ? known : [...new Set(positionals)];
  return { ok: true, value: { names, scale, seconds, record: values.record } };
}
