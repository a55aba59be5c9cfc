/** Bodies of a redrive: lines of `{index, record}` whose index is no place in the batch, or whose record is missing. */
import type { Random } from '../../../tools/lib/random';
import { joined, type Good, type Members, type Value } from './good';
import type { Kind } from './kind';

type Change = (item: Members, random: Random) => Members;

const index =
  (...values: readonly Value[]): Change =>
  (item, random) => ({ ...item, index: random.pick(values) });

/** A record that has landed in most origins, so that there is nothing to repair (origins.ts). */
export const LANDED_INDEX = 0;

const CHANGES: Readonly<Record<string, Change>> = {
  'index-outside': index(-1, 1_000_000, Number.MAX_SAFE_INTEGER, 2 ** 53, 1e300),
  'index-no-index': index(1.5, '1', null, true, [], {}, '__proto__'),
  'index-landed': index(LANDED_INDEX),
  'index-missing': ({ record = null }) => ({ record }),
  'record-missing-in-item': ({ index = null }) => ({ index }),
  'record-of-item-odd': (item, random) => ({
    ...item,
    record: random.pick<Value>([null, 5, 'text', [], {}, true]),
  }),
  'item-with-more': (item) => ({
    verdict: 'quarantined',
    errors: [],
    schemaVersion: 'x',
    key: null,
    ...item,
    batchId: 'x',
  }),
};

const changed = (good: Good, random: Random, change: Change): Buffer => {
  const at = random.integer(0, good.records.length - 1);
  return joined(
    good.format,
    good.records.map((item, place) => JSON.stringify(place === at ? change(item, random) : item)),
  );
};

export const redriveKinds: readonly Kind[] = [
  ...Object.entries(CHANGES).map(([name, change]): Kind => ({
    name,
    formats: ['json', 'ndjson'],
    make: (good, random) => changed(good, random, change),
  })),
  {
    name: 'index-twice',
    formats: ['json', 'ndjson'],
    make: ({ format, records }) =>
      joined(
        format,
        [...records, ...records].map((item) => JSON.stringify(item)),
      ),
  },
];
