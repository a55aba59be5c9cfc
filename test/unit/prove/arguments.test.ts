import { readProveArguments } from '../../../tools/lib/prove/arguments';

const read = (line: string) => readProveArguments(line.split(' ').filter(Boolean));

test('defaults and options', () => {
  expect(read('')).toEqual({
    kind: 'prove',
    json: undefined,
    options: {
      rate: 200,
      duration: 60,
      warmUp: 30,
      connections: 100,
      ids: 100_000,
      seed: 1,
      chaos: false,
    },
  });
  const line =
    '--rate 1500 --duration 120 --warm-up 3 --connections 9 --ids 8 --seed 7 --chaos --sabotage hub --json J';
  expect(read(line)).toEqual({
    kind: 'prove',
    json: 'J',
    options: {
      rate: 1_500,
      duration: 120,
      warmUp: 3,
      connections: 9,
      ids: 8,
      seed: 7,
      chaos: true,
      sabotage: 'hub',
    },
  });
  expect(read('--help')).toEqual({ kind: 'help' });
});

test.each([
  ['--rate x', '--rate'],
  ['--duration 0', '--duration'],
  ['--sabotage all', 'upsert, feed, hub'],
  ['--sabotage toString', 'upsert'],
  ['--what', '--what'],
])('%s is a fault', (line, told) => {
  expect(read(line)).toEqual({ kind: 'fault', message: expect.stringContaining(told) as string });
});
