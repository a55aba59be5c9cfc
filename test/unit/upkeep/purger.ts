import type { Instances, Slice, UpkeepDeps } from '../../../src/activities/upkeep/deps';
import { createPurgeBlobs } from '../../../src/activities/upkeep/purgeBlobs';
import { createPurgeInstances } from '../../../src/activities/upkeep/purgeInstances';
import { contentOf } from '../../support/ingest-checks';
import type { World } from '../../support/ingest-world';
import type { Process, Stores } from '../../support/stores-model';

export const HOUR = 3_600_000;
/** The age of the tests. */
export const AGE = 24 * HOUR;

/** What the platform has: instances of batches that have ended, and of those that have not. */
export class Platform implements Instances {
  readonly ended = new Map<string, Date>();
  readonly running = new Set<string>();
  /** Those that it does not answer for. */
  readonly broken = new Set<string>();
  purges = 0;

  endedAt(id: string): Promise<Date | undefined> {
    return Promise.resolve(this.ended.get(id));
  }

  purge(id: string): Promise<'gone' | 'running'> {
    this.purges++;
    if (this.broken.has(id)) return Promise.reject(new Error('The connection broke.'));
    if (this.running.has(id)) return Promise.resolve('running');
    this.ended.delete(id);
    return Promise.resolve('gone');
  }
}

export function upkeepDeps({ stores, blobs, batches }: Process, purgeAfterMs = AGE): UpkeepDeps {
  const subscriptions = { all: () => Promise.resolve([]) };
  return {
    blobs,
    batches,
    subscriptions,
    purgeAfterMs,
    markerTtlSeconds: 60,
    now: () => new Date(stores.now),
  };
}

export interface Purged {
  readonly reports: readonly string[];
}

/** One run of the purge in a process that may come to nothing: then it is undefined. */
export async function purgeOnce(
  process: Process,
  platform: Platform,
  purgeAfterMs = AGE,
): Promise<Purged | undefined> {
  const deps = upkeepDeps(process, purgeAfterMs);
  const reports: string[] = [];
  const slice: Slice = {
    instances: platform,
    until: process.stores.now + 1,
    report: (text) => void reports.push(text),
  };
  const steps = [
    createPurgeBlobs(deps, 'chunks'),
    createPurgeBlobs(deps, 'validated'),
    createPurgeInstances(deps),
  ];
  const work = (async () => {
    for (const step of steps)
      await step(slice).catch((error: unknown) => void reports.push(`broken off: ${String(error)}`));
  })();
  return (await Promise.race([work, process.killed])) === 'killed' ? undefined : { reports };
}

/** A run in a process of its own. */
export const purge = (world: World, platform = new Platform(), purgeAfterMs = AGE) =>
  purgeOnce(world.process(), platform, purgeAfterMs);

/** Names of the blobs in these containers. */
export const blobsIn = (stores: Stores, ...containers: string[]): string[] =>
  containers.flatMap((container) => stores.blobsUnder(`${container}/`).map(([name]) => name));

/** All that must not change when a closed batch is purged. Markers have served their purpose when it is closed. */
export function lasting(stores: Stores): string {
  const { blobs, batches } = contentOf(stores) as { blobs: object; batches: unknown };
  const kept = Object.entries(blobs).filter(([name]) => !/^(validated|upkeep)\//.test(name));
  const documents = [...stores.partitions.values()].flatMap((partition) =>
    [...partition.documents.values()].map(({ envelope }) => envelope),
  );
  return JSON.stringify({ batches, kept, documents: documents.toSorted((a, b) => (a.id < b.id ? -1 : 1)) });
}
