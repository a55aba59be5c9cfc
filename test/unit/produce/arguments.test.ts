import { readArguments, USAGE, type Arguments } from '../../../tools/lib/produce/arguments';
import { kindNamed, kindOf } from '../../../tools/lib/produce/formats';
import { DEFAULTS, type ProduceOptions } from '../../../tools/lib/produce/options';

const read = (line: string, environment: Record<string, string> = { HEADWATER_KEY: 'k' }): Arguments =>
  readArguments(line.split(' ').filter(Boolean), environment);

function options(line: string): ProduceOptions {
  const result = read(line);
  if (result.kind !== 'produce') throw new Error(JSON.stringify(result));
  return result.options;
}

test('a file is sent to the local cloud with the defaults', () => {
  const { api, ...rest } = options('products --file data/a.csv.gz');
  expect([api.url, api.key]).toEqual(['http://127.0.0.1:7071', 'k']);
  expect(rest).toEqual({
    dataset: 'products',
    input: { kind: 'file', file: 'data/a.csv.gz', as: { format: 'csv', encoding: 'gzip' } },
    mode: 'post',
    gzip: false,
    wait: true,
    onInvalid: 'quarantine',
  });
});

test('everything can be said', () => {
  const line =
    'tweets --file - --format csv --images pics --image-column a --image-field b --to https://h.example/ --key other ' +
    '--batch-records 5 --batch-bytes 1000 --rate 0.5 --connections 2 --retries 0 --gzip --on-invalid reject --run x ' +
    '--validate --no-wait --wait-seconds 3 --show 0 --json';
  const { api, ...rest } = options(line);
  expect([api.url, api.key]).toEqual(['https://h.example', 'other']);
  expect(rest).toEqual({
    dataset: 'tweets',
    input: {
      kind: 'file',
      file: '-',
      as: { format: 'csv' },
      images: { dir: 'pics', column: 'a', field: 'b' },
    },
    mode: 'validate',
    batchRecords: 5,
    batchBytes: 1000,
    rate: 0.5,
    connections: 2,
    retries: 0,
    gzip: true,
    onInvalid: 'reject',
    run: 'x',
    wait: false,
    waitMs: 3000,
    show: 0,
  });
  expect(read(line)).toMatchObject({ json: true });
});

test('the same seed makes the same records, another one others', () => {
  const made = (line: string): unknown[] => {
    const { input } = options(line);
    if (input.kind !== 'records') throw new Error(input.kind);
    expect(input.count).toBe(3);
    return [...(input.records as Iterable<unknown>)];
  };
  const first = made('products --generate 3 --seed 7');
  expect(first).toHaveLength(3);
  expect(made('products --generate 3 --seed 7')).toEqual(first);
  expect(made('products --generate 3')).not.toEqual(first);
});

test.each([
  ['', 'Which data set'],
  ['products', 'What is to be sent'],
  ['products more --file a.csv', '"more" is too much'],
  ['products --file a.csv --generate 3', 'not both'],
  ['products --file a.txt', 'does not say what it holds'],
  ['products --file -', 'Standard input needs --format'],
  ['products --file a.csv --format xml', '--format must be'],
  ['products --generate 3 --format csv', '--format goes with --file'],
  ['products --file a.json --images d', 'goes with a CSV file'],
  ['products --generate 3 --images d', '--images goes with --file'],
  ['products --file a.csv --image-column c', 'go with --images'],
  ['things --generate 3', 'not for "things"'],
  ['constructor --generate 3', 'not for "constructor"'],
  ['products --generate 0', '--generate must be'],
  ['products --generate 1.5', 'whole number'],
  ['products --file a.csv --seed 3', '--seed goes with'],
  ['products --file a.csv --rate fast', '--rate must be'],
  ['products --file a.csv --rate 0', '--rate must be'],
  ['products --file a.csv --batch-records 60000', '--batch-records must be'],
  ['products --file a.csv --connections=', '--connections must be'],
  ['products --file a.csv --on-invalid drop', '--on-invalid must be'],
  ['products --file a.csv --upload --validate', 'a dry run uploads nothing'],
  ['products --generate 3 --upload', 'sends a file'],
  ['products --file a.csv --upload --rate 3', 'one batch'],
  ['products --file a.csv --upload --images d', 'as it is'],
  ['products --file a.csv --to localhost', '--to must be'],
  ['products --file a.csv --to ftp://h', '--to must be'],
  ['products --file a.csv --fast', "'--fast'"],
  ['products --file', 'argument missing'],
])('"%s" is refused with its reason', (line, reason) => {
  expect(read(line)).toEqual({ kind: 'fault', message: expect.stringContaining(reason) });
});

test('a key is needed, and has to be one', () => {
  expect(read('products --generate 3', {})).toMatchObject({
    message: expect.stringContaining('HEADWATER_KEY'),
  });
  expect(readArguments(['products', '--generate', '3', '--key', 'a\nb'], {})).toMatchObject({
    kind: 'fault',
  });
});

test('the help names every option and the true defaults', () => {
  expect(read('--help')).toEqual({ kind: 'help' });
  const names = [...USAGE.matchAll(/--([a-z-]+)/g)].map(([, name]) => name);
  for (const name of new Set(names)) {
    const { message } = read(`products --file a.csv --${name} x --no-such`) as { message: string };
    expect(message).toContain('no-such');
  }
  for (const value of [DEFAULTS.batchRecords, DEFAULTS.batchBytes, DEFAULTS.connections, DEFAULTS.retries])
    expect(USAGE).toContain(`default: ${value}`);
});

test('formats are known by the end of a name', () => {
  expect(kindOf('a.b.JSONL.br')).toEqual({ format: 'ndjson', encoding: 'br' });
  expect(kindNamed('json')).toEqual({ format: 'json' });
  for (const name of ['csv', 'a.csvx', 'a.gz', 'a.csv.zip', '', '.gz.csv.gz.gz'])
    expect(kindOf(name)).toBeUndefined();
});
