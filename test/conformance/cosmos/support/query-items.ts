import type { Container, Database } from '@azure/cosmos';
import { newContainer } from '../harness';

/** Items of several shapes and types under the same names. */
const ITEMS = [
  { id: '1', pk: 'a', n: 1, name: 'one', tags: ['x', 'y'], size: { w: 1, h: 2 }, flag: true },
  { id: '2', pk: 'a', n: 2, name: 'two', tags: ['y'], size: { w: 3, h: 4 }, flag: false },
  { id: '3', pk: 'b', n: 3, name: 'Three', tags: [], nothing: null },
  {
    id: '4',
    pk: 'b',
    n: 'four',
    name: '10% off',
    lines: [
      { sku: 'k1', q: 2 },
      { sku: 'k2', q: 5 },
    ],
  },
  { id: '5', pk: 'c', name: '𝒻ive', value: 7, order: 'kept' },
] as const;

/** A container with these items, which queries do not change. */
export async function queryItems(database: Database): Promise<Container> {
  const container = await newContainer(database, {
    // The service sorts by several keys only with an index over them.
    indexingPolicy: {
      compositeIndexes: [
        [
          { path: '/pk', order: 'descending' },
          { path: '/id', order: 'ascending' },
        ],
      ],
    },
  });
  for (const item of ITEMS) await container.items.create({ ...item });
  return container;
}
