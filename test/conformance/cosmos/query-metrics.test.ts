import type { Container, FeedOptions } from '@azure/cosmos';
import { LOCAL_ONLY, newContainer, onEachBackend } from './harness';

/** What the SDK makes of the header, by physical partition. */
type Metrics = Readonly<Record<string, PartitionMetrics>>;
interface PartitionMetrics {
  readonly retrievedDocumentCount: number;
  readonly retrievedDocumentSize: number;
  readonly outputDocumentCount: number;
  readonly outputDocumentSize: number;
  readonly indexHitRatio: number;
  readonly totalQueryExecutionTime: { totalMilliseconds(): number };
  readonly vmExecutionTime: { totalMilliseconds(): number };
}

const ITEMS = 12;
const PAD = 'x'.repeat(1_000);

async function filled(container: Container): Promise<Container> {
  for (let n = 0; n < ITEMS; n++) await container.items.create({ id: `${n}`, pk: `p${n % 2}`, n, pad: PAD });
  return container;
}

async function metricsOf(
  container: Container,
  query: string,
  options: FeedOptions = {},
): Promise<PartitionMetrics> {
  const asked = { populateQueryMetrics: true, ...options };
  const { queryMetrics } = await container.items.query(query, asked).fetchAll();
  const [metrics] = Object.values(queryMetrics as unknown as Metrics);
  return metrics!;
}

onEachBackend('query metrics', (backend) => {
  let container: Container;
  beforeAll(async () => {
    container = await filled(await newContainer(backend().database));
  });

  test('tell what a query read, gave and took', async () => {
    const metrics = await metricsOf(container, 'SELECT * FROM c WHERE c.n < 3');
    expect(metrics.outputDocumentCount).toBe(3);
    expect(metrics.outputDocumentSize).toBeGreaterThan(3 * PAD.length);
    expect(metrics.retrievedDocumentCount).toBeGreaterThanOrEqual(3);
    expect(metrics.retrievedDocumentSize).toBeGreaterThan(metrics.retrievedDocumentCount * PAD.length);
    expect(metrics.totalQueryExecutionTime.totalMilliseconds()).toBeGreaterThan(0);
  });

  test('are given to whoever asks for them', async () => {
    const { queryMetrics } = await container.items.query('SELECT * FROM c').fetchNext();
    expect(queryMetrics).toBeUndefined();
  });
});

onEachBackend(
  'the counts of query metrics',
  (backend) => {
    let container: Container;
    beforeAll(async () => {
      container = await filled(await newContainer(backend().database, { throughput: 18_000 }));
    });

    test.each<[string, FeedOptions, number, number, number]>([
      ['SELECT * FROM c', {}, 12, 12, 1],
      ['SELECT * FROM c', { partitionKey: 'p1' }, 6, 6, 1],
      ['SELECT * FROM c WHERE c.n * 2 < 6', {}, 12, 3, 0.25],
      ['SELECT VALUE COUNT(1) FROM c WHERE c.n * 2 < 6', {}, 12, 1, 0.25],
      ['SELECT * FROM c WHERE c.id = "3"', {}, 1, 1, 1],
      ['SELECT * FROM c WHERE c.id = "none"', {}, 0, 0, 1],
      ['SELECT VALUE d FROM c JOIN d IN [1, 2]', { partitionKey: 'p1' }, 6, 12, 1],
      ['SELECT VALUE 1', {}, 0, 1, 1],
      // Sorted anew for each page.
      ['SELECT VALUE c.n FROM c ORDER BY c.n', { maxItemCount: 6 }, 36, 12, 1],
    ])('%s %j', async (query, options, retrieved, output, ratio) => {
      const metrics = await metricsOf(container, query, options);
      expect([metrics.retrievedDocumentCount, metrics.outputDocumentCount]).toEqual([retrieved, output]);
      expect(metrics.indexHitRatio).toBeCloseTo(ratio);
    });
  },
  LOCAL_ONLY,
);
