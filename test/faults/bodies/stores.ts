import { isDeepStrictEqual } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { disagreements } from '../../../tools/lib/agreement';
import { cosmosContainer } from '../../support/headwater';
import { excerpt, type Verifier } from './accepted';
import type { World } from './world';

/** How long (ms) after the last batch was closed its changes may be on their way. */
const TOLD_WITHIN_MS = 60_000;

const EVENT_TIMES = ['at', 'updatedAt'];

/** A later record that differs in its event time only moves that, and nobody is told. */
const contentOf = (data: unknown): unknown =>
  Object.fromEntries(Object.entries(data as object).filter(([name]) => !EVENT_TIMES.includes(name)));

async function count(world: World, container: string, condition: string): Promise<number> {
  const { resources } = await cosmosContainer(world.hw, container)
    .items.query<number>(`SELECT VALUE COUNT(1) FROM c WHERE ${condition}`)
    .fetchAll();
  return resources[0] ?? 0;
}

const unequal = (what: string, found: unknown, expected: unknown): string[] =>
  isDeepStrictEqual(found, expected) ? [] : [`${what}: ${excerpt(found)}, expected ${excerpt(expected)}`];

/**
 * Counts what the stores hold while nothing is on its way: what was accepted and not a thing more.
 * @param subscriptions how many there have to be
 */
export async function countFaults(
  world: World,
  verifier: Verifier,
  subscriptions: number,
): Promise<string[]> {
  const [batches, documents, live] = await Promise.all([
    count(world, 'batches', 'IS_DEFINED(c.dataset)'),
    count(world, 'documents', 'IS_DEFINED(c._hw)'),
    count(world, 'subscriptions', "c.status != 'deleted' AND IS_DEFINED(c.url)"),
  ]);
  return [
    ...unequal('batches in the store', batches, verifier.batches.size),
    ...unequal('documents in the store', documents, verifier.documents.size),
    ...unequal('subscriptions in the store', live, subscriptions),
  ];
}

/** A good record of a data set that allows no further members, after all that was hostile. */
export async function probeFaults(world: World, verifier: Verifier, number: number): Promise<string[]> {
  const { api } = world.hw;
  const record = { path: `probe/${number}`, size: number, note: 'å "quoted"' };
  const { batchId } = await api.post('things', `${JSON.stringify(record)}\n`);
  verifier.batches.add(batchId);
  const { counts } = await api.closed(batchId, { pollMs: 50, timeoutMs: 60_000 });
  verifier.documents.add(`things/${record.path}`);
  verifier.published += counts.upserted;
  const faults = unequal('a good record afterwards', counts.upserted, 1);
  if (faults.length > 0) return faults;
  const { data } = await api.get<{ data: unknown }>(`/api/datasets/things/documents/${record.path}`);
  return unequal('the document of a good record afterwards', data, record);
}

/** Everything at the end: names of what is stored, the hub, the ledger, and what the subscriber was told. */
export async function finalFaults(world: World, verifier: Verifier): Promise<string[]> {
  const { recount, api } = world.hw;
  const faults: string[] = [];
  const batches = await recount.batches();
  const ids = batches.map(({ id }) => String(id));
  faults.push(
    ...unequal(
      'batches nobody was told of',
      ids.filter((id) => !verifier.batches.has(id)),
      [],
    ),
  );
  const stored = await recount.documents();
  const names = stored.map(({ pk, _hw }) => `${pk.slice(0, pk.lastIndexOf(':'))}/${_hw.key}`);
  faults.push(
    ...unequal(
      'documents nobody has sent',
      names.filter((name) => !verifier.documents.has(name)),
      [],
    ),
  );
  faults.push(...(await blobFaults(world, verifier)));
  faults.push(...unequal('events in the hub', await recount.hubSize(), verifier.published));
  faults.push(...(await tellingFaults(world)));
  const { balanced, faults: told, subscriptions } = await api.ledger();
  faults.push(...unequal('the ledger is balanced', balanced, true));
  faults.push(...told.slice(0, 5).map((fault) => `ledger: ${excerpt(fault)}`));
  for (const { id, deadLettered } of subscriptions)
    if (deadLettered > 0)
      faults.push(`ledger: ${deadLettered} versions were given up for subscription ${id}`);
  return faults;
}

/** Containers whose blobs are named by their batch. */
const OF_BATCHES = ['inbox', 'chunks', 'validated', 'quarantine', 'verdicts'];

async function blobFaults(world: World, verifier: Verifier): Promise<string[]> {
  const { recount } = world.hw;
  const faults: string[] = [];
  for (const container of OF_BATCHES) {
    const names = await recount.blobNames(container);
    const strange = names.filter((name) => !verifier.batches.has(name.slice(0, name.indexOf('/'))));
    faults.push(...unequal(`blobs in ${container} of no batch`, strange, []));
  }
  const uploads = (await recount.blobNames('uploads')).toSorted();
  faults.push(...unequal('uploads', uploads, [...world.uploads].toSorted()));
  const archived = (await recount.blobNames('archive')).map((name) => /([0-9a-f]{32})[^/]*$/.exec(name)?.[1]);
  faults.push(
    ...unequal(
      'archived bodies',
      new Set(archived),
      new Set([...verifier.batches].filter((id) => !verifier.unread.has(id))),
    ),
  );
  const media = (await recount.blobNames('media')).map((name) => name.slice(name.lastIndexOf('/') + 1));
  faults.push(...unequal('media', media.toSorted(), [...verifier.media].toSorted()));
  for (const [batchId, expected] of verifier.redrives) {
    const { redrives = [] } = await world.hw.api.batch(batchId);
    faults.push(...unequal(`redrives of ${batchId}`, redrives.toSorted(), [...expected].toSorted()));
  }
  return faults;
}

/** Waits until the subscriber holds what the store does. */
async function tellingFaults({ hw: { recount }, consumer }: World): Promise<string[]> {
  const { outOfOrder, badSignatures, malformed } = consumer.stats;
  const faults = unequal(
    'what the subscriber refused',
    { outOfOrder, badSignatures, malformed },
    {
      outOfOrder: 0,
      badSignatures: 0,
      malformed: 0,
    },
  );
  const stored = (await recount.documents()).filter(({ pk }) => !pk.startsWith('things:'));
  const look = (): string[] => disagreements(stored, consumer.holdings.all(), contentOf);
  const end = Date.now() + TOLD_WITHIN_MS;
  let left = look();
  while (left.length > 0 && Date.now() < end) {
    await delay(100);
    left = look();
  }
  return [...faults, ...left.slice(0, 5).map((fault) => `subscriber: ${fault}`)];
}
