import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readLoadArguments } from '../../../tools/lib/load/arguments';

const read = (line: string, environment: Record<string, string> = { HEADWATER_KEY: 'k' }) =>
  readLoadArguments(line.split(' ').filter(Boolean), environment);

test('all defaults', () => {
  expect(read('')).toEqual({
    kind: 'load',
    json: undefined,
    options: {
      to: 'http://127.0.0.1:7071',
      key: 'k',
      dataset: 'products',
      rate: 1_500,
      connections: 100,
      duration: 120,
      seed: 1,
      ids: 100_000,
      graceMs: 60_000,
    },
  });
});

test('all options', () => {
  const line =
    '--rate 2.5 --connections 3 --duration 4 --dataset products --to https://h.example/ --key q --seed 5 --ids 6 --grace 7 --log L --json J';
  expect(read(line)).toEqual({
    kind: 'load',
    json: 'J',
    options: {
      to: 'https://h.example',
      key: 'q',
      dataset: 'products',
      rate: 2.5,
      connections: 3,
      duration: 4,
      seed: 5,
      ids: 6,
      graceMs: 7_000,
      log: 'L',
    },
  });
});

test.each([
  ['--rate 0', '--rate'],
  ['--rate x', '--rate'],
  ['--connections 1.5', 'whole'],
  ['--ids -1', '--ids'],
  ['--dataset tweets', 'tweets'],
  ['--to ftp://x', '--to'],
  ['--key ä', 'no key has'],
  ['--what', '--what'],
  ['more', 'more'],
])('%s is a fault', (line, told) => {
  expect(read(line)).toEqual({ kind: 'fault', message: expect.stringContaining(told) as string });
});

test('the key of the local cloud, and no other, when there is none', () => {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-load-key-'));
  mkdirSync(join(folder, 'state'));
  writeFileSync(join(folder, 'state', 'keys.json'), '{"keys":{"functions":{"function":"local"}}}');
  const line = `--data ${join(folder, 'state')}`;
  expect(read(line, {})).toMatchObject({ options: { key: 'local' } });
  expect(read(`${line} --to https://elsewhere.example`, {})).toMatchObject({ kind: 'fault' });
  rmSync(folder, { recursive: true });
});
