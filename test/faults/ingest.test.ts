import { VICTIMS, type Victim } from './support/plug';
import { runRound } from './support/round';

/** Each victim once; `npm run test:faults` has any number of rounds, with any victims. */
const ROUNDS: readonly (readonly Victim[])[] = [
  ['worker', 'cosmos', 'blob', 'functions', 'eventhubs', 'everything'],
];

test('the rounds leave no victim out', () => {
  expect(ROUNDS.flat().toSorted()).toEqual([...VICTIMS].toSorted());
});

describe('kill -9 while 20 batches are in flight, of', () => {
  test.each(ROUNDS.map((victims, number) => [victims.join(' and then '), victims, number] as const))(
    '%s: every record has one verdict, and the newest version of each key is there',
    async (_, victims, number) => {
      expect((await runRound(1000 + number, victims)).faults).toEqual([]);
    },
    120_000,
  );
});
