import { parseArgs } from 'node:util';
import { Api } from '../api';
import { GENERATED, isGenerated, records as generate } from '../generate';
import { kindNamed, kindOf, type FileKind } from './formats';
import type { ImageOptions } from './images';
import { DEFAULTS, type Input, type Mode, type ProduceOptions } from './options';
import { MAX_RECORD_BYTES } from './pieces';
import { STDIN } from './source';

const DEFAULT_TO = 'http://127.0.0.1:7071';

/** The environment variable that holds the function key. */
export const KEY_VARIABLE = 'HEADWATER_KEY';

export const USAGE = `Usage: npm run produce -- <dataset> --file F [options]
       npm run produce -- <dataset> --generate N [options]

what is sent
  --file F           .ndjson, .jsonl, .json (one array) or .csv, each also with .gz or .br; - is standard input
  --format X         ndjson, json or csv, also csv.gz and the like, where the name does not say it
  --images DIR       CSV only: put the images of this folder into the records, in base64
    --image-column C   the column with an image's file name (default: image_file)
    --image-field C    the column that takes its place (default: image_base64)
  --generate N       N made-up records: ${GENERATED.join(', ')}
    --seed S           the same seed makes the same records (default: 1)

where to
  --to URL           where Headwater is (default: ${DEFAULT_TO})
  --key K            a function key (default: the environment's ${KEY_VARIABLE})

how
  --batch-records N  records of a batch (default: ${DEFAULTS.batchRecords})
  --batch-bytes N    bytes of a batch, before it is compressed (default: ${DEFAULTS.batchBytes})
  --rate R           records a second, at fixed moments; what is late is sent as soon as it can be
  --connections C    requests at the same time (default: ${DEFAULTS.connections})
  --retries N        how often a request is repeated (default: ${DEFAULTS.retries})
  --gzip             compress what is sent
  --on-invalid X     quarantine (default): the good records land; reject: a batch with a bad record does not
  --run NAME         send the same input anew: without it, what was accepted in the last day is not doubled
  --upload           send the file as it is to a blob, as one batch: for files that are too large to be posted

and then
  --validate         a dry run: nothing is stored
  --no-wait          do not wait until the batches are closed
  --wait-seconds S   give up when no batch was closed for so long (default: ${DEFAULTS.waitMs / 1_000})
  --show N           how many of the records that did not land are told, at most 1000 (default: ${DEFAULTS.show})
  --json             the summary as JSON on standard output

It ends with 0 when every record landed, 3 when some are quarantined, dead-lettered or not applied, 1 when it
failed, 130 when it was interrupted.`;

export type Arguments =
  | { readonly kind: 'help' }
  | { readonly kind: 'fault'; readonly message: string }
  | { readonly kind: 'produce'; readonly options: ProduceOptions; readonly json: boolean };

const OPTIONS = {
  file: { type: 'string' },
  format: { type: 'string' },
  images: { type: 'string' },
  'image-column': { type: 'string' },
  'image-field': { type: 'string' },
  generate: { type: 'string' },
  seed: { type: 'string' },
  to: { type: 'string' },
  key: { type: 'string' },
  'batch-records': { type: 'string' },
  'batch-bytes': { type: 'string' },
  rate: { type: 'string' },
  connections: { type: 'string' },
  retries: { type: 'string' },
  gzip: { type: 'boolean' },
  'on-invalid': { type: 'string' },
  run: { type: 'string' },
  upload: { type: 'boolean' },
  validate: { type: 'boolean' },
  'no-wait': { type: 'boolean' },
  'wait-seconds': { type: 'string' },
  show: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Values = ReturnType<typeof parse>['values'];

class Fault extends Error {}

const parse = (argv: readonly string[]) =>
  parseArgs({ args: [...argv], allowPositionals: true, options: OPTIONS });

/** What the command line asks for, or what is wrong with it. */
export function readArguments(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Arguments {
  try {
    const { values, positionals } = parse(argv);
    if (values.help) return { kind: 'help' };
    const [dataset, ...others] = positionals;
    if (dataset === undefined)
      throw new Fault('Which data set? It is the first argument, such as "products".');
    if (others.length > 0) throw new Fault(`One data set at a time; "${others[0]}" is too much.`);
    const options = { dataset, api: apiOf(values, environment), ...settingsOf(values, dataset) };
    return { kind: 'produce', options, json: values.json ?? false };
  } catch (error) {
    const { code, message } = error as Error & { code?: unknown };
    if (error instanceof Fault || String(code).startsWith('ERR_PARSE_ARGS'))
      return { kind: 'fault', message };
    throw error;
  }
}

function apiOf(values: Values, environment: Readonly<Record<string, string | undefined>>): Api {
  const to = values.to ?? DEFAULT_TO;
  if (!/^https?:\/\//.test(to) || !URL.canParse(to))
    throw new Fault(`--to must be an address such as ${DEFAULT_TO}, and is "${to}".`);
  const key = values.key ?? environment[KEY_VARIABLE] ?? '';
  if (key === '') throw new Fault(`A function key is needed: --key, or ${KEY_VARIABLE} in the environment.`);
  if (!/^[\x21-\x7e]+$/.test(key)) throw new Fault('The function key holds characters that no key has.');
  return new Api(to.replace(/\/+$/, ''), key);
}

function settingsOf(values: Values, dataset: string): Omit<ProduceOptions, 'api' | 'dataset'> {
  const mode: Mode = values.upload ? 'upload' : values.validate ? 'validate' : 'post';
  const rate = numberOf(values, 'rate', 0.001, 1e9, false);
  const waitSeconds = numberOf(values, 'wait-seconds', 1, 1e6, false);
  const input = inputOf(values, dataset);
  checkTogether(values, input);
  return {
    input,
    mode,
    ...present('batchRecords', numberOf(values, 'batch-records', 1, 50_000)),
    ...present('batchBytes', numberOf(values, 'batch-bytes', 1, MAX_RECORD_BYTES)),
    ...present('rate', rate),
    ...present('connections', numberOf(values, 'connections', 1, 256)),
    ...present('retries', numberOf(values, 'retries', 0, 1_000)),
    ...present('show', numberOf(values, 'show', 0, 1_000)),
    ...present('waitMs', waitSeconds === undefined ? undefined : waitSeconds * 1_000),
    ...present('run', values.run),
    gzip: values.gzip ?? false,
    wait: !values['no-wait'],
    onInvalid: onInvalidOf(values['on-invalid']),
  };
}

/** A member, or none: a default is not to be overwritten. */
function present<K extends string, V>(name: K, value: V | undefined): { [name in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [name in K]: V });
}

/** Options of which one takes the sense from the other. */
function checkTogether(values: Values, input: Input): void {
  const clashes: [boolean, string][] = [
    [
      !!values.upload && !!values.validate,
      '--upload and --validate do not go together: a dry run uploads nothing.',
    ],
    [!!values.upload && input.kind !== 'file', '--upload sends a file: it does not go with --generate.'],
    [
      !!values.upload && values.images !== undefined,
      '--upload sends a file as it is: it does not go with --images.',
    ],
    [!!values.upload && values.rate !== undefined, '--upload is one batch: it does not go with --rate.'],
    [values.seed !== undefined && values.generate === undefined, '--seed goes with --generate.'],
    [values.images !== undefined && values.file === undefined, '--images goes with --file.'],
    [values.format !== undefined && values.file === undefined, '--format goes with --file.'],
    [
      values.images === undefined &&
        (values['image-column'] !== undefined || values['image-field'] !== undefined),
      '--image-column and --image-field go with --images.',
    ],
  ];
  for (const [clash, message] of clashes) if (clash) throw new Fault(message);
}

function inputOf(values: Values, dataset: string): Input {
  const { file, generate: wanted } = values;
  if (file !== undefined && wanted !== undefined) throw new Fault('Either --file or --generate, not both.');
  if (file !== undefined) return fileInput(file, values);
  if (wanted === undefined) throw new Fault('What is to be sent? --file F, or --generate N.');
  const count = numberOf(values, 'generate', 1, 1e9) ?? 0;
  const seed = numberOf(values, 'seed', 0, 2 ** 32 - 1) ?? 1;
  if (!isGenerated(dataset))
    throw new Fault(`Records can be made for ${GENERATED.join(', ')}, not for "${dataset}".`);
  const records = generate(dataset, { seed, count, images: 'tiles' });
  return { kind: 'records', name: `${count} made-up records (seed ${seed})`, count, records };
}

function fileInput(file: string, values: Values): Input {
  const as = fileKind(file, values.format);
  if (values.images !== undefined && as.format !== 'csv') throw new Fault('--images goes with a CSV file.');
  const images: ImageOptions | undefined =
    values.images === undefined
      ? undefined
      : {
          dir: values.images,
          column: values['image-column'] ?? 'image_file',
          field: values['image-field'] ?? 'image_base64',
        };
  return { kind: 'file', file, as, ...(images ? { images } : {}) };
}

function fileKind(file: string, format: string | undefined): FileKind {
  const kind = format === undefined ? kindOf(file) : kindNamed(format);
  if (kind) return kind;
  const known = 'ndjson, json or csv, and .gz or .br behind it';
  if (format !== undefined) throw new Fault(`--format must be ${known}, and is "${format}".`);
  throw new Fault(
    file === STDIN
      ? `Standard input needs --format: ${known}.`
      : `The name of ${file} does not say what it holds. Tell it by --format: ${known}.`,
  );
}

function onInvalidOf(text: string | undefined): 'quarantine' | 'reject' {
  if (text === undefined || text === 'quarantine' || text === 'reject') return text ?? DEFAULTS.onInvalid;
  throw new Fault(`--on-invalid must be quarantine or reject, and is "${text}".`);
}

type Named = {
  [K in keyof typeof OPTIONS]: (typeof OPTIONS)[K]['type'] extends 'string' ? K : never;
}[keyof typeof OPTIONS];

function numberOf(
  values: Values,
  name: Named,
  least: number,
  most: number,
  whole = true,
): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && value >= least && value <= most && (!whole || Number.isInteger(value)))
    return value;
  throw new Fault(
    `--${name} must be a ${whole ? 'whole ' : ''}number from ${least} to ${most}, and is "${text}".`,
  );
}
