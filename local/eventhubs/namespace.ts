import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Files, writeFileDurably } from '../shared/files';
import { log } from '../shared/log';
import { refusal, type Refusal } from './conditions';
import { MAX_PARTITIONS, TAIL_CACHE_BYTES } from './limits';
import { Partition } from './partition';
import { partitionOfKey } from './partition-key';
import { ReaderGroup } from './readers';

export interface HubOptions {
  readonly partitions: number;
  /** Beside `$Default`, which every hub has. */
  readonly consumerGroups?: readonly string[];
}

export interface Retention {
  readonly segmentBytes: number;
  readonly retentionMs: number;
}

const DEFAULT_GROUP = '$default';
/** https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas: names of hubs and groups. */
const NAME = /^(\$default|[a-z0-9]([a-z0-9._-]{0,254}[a-z0-9])?)$/i;
const HUB_FILE = 'hub.json';
const RETENTION_CHECK_MS = 60_000;
/** What the service says about a partition that does not exist. */
const BAD_PARTITION = 'The specified partition is invalid for an EventHub partition sender or receiver.';

/** One hub: its partitions, and the readers of each of its consumer groups. */
export class Hub {
  private next = 0;

  constructor(
    readonly name: string,
    readonly createdAt: Date,
    readonly partitions: readonly Partition[],
    private readonly groups: ReadonlyMap<string, readonly ReaderGroup[]>,
  ) {}

  partition(id: string): Partition | Refusal {
    const partition = /^\d{1,4}$/.test(id) ? this.partitions[Number(id)] : undefined;
    if (!partition || String(Number(id)) !== id)
      return refusal('com.microsoft:argument-out-of-range', BAD_PARTITION);
    return partition;
  }

  /** The partition of an event that names none: by its key, else in turn. */
  route(key: string | undefined): Partition {
    const count = this.partitions.length;
    const index = key === undefined ? this.next++ % count : partitionOfKey(key, count);
    const partition = this.partitions[index];
    if (!partition) throw new Error(`The hub ${this.name} has no partition ${index}.`);
    return partition;
  }

  /** The readers of a partition in a consumer group; undefined when there is no such group. */
  readers(group: string, partition: Partition): ReaderGroup | undefined {
    return this.groups.get(group.toLowerCase())?.[this.partitions.indexOf(partition)];
  }
}

/** All hubs, stored in one folder each. */
export class Namespace {
  private readonly timer: NodeJS.Timeout;

  private constructor(private readonly hubs: ReadonlyMap<string, Hub>) {
    this.timer = setInterval(() => void this.expire(), RETENTION_CHECK_MS).unref();
  }

  /** @throws when a name is invalid, a partition count shrinks, or a store is damaged. */
  static async open(
    dataDir: string,
    hubs: Readonly<Record<string, HubOptions>>,
    files: Files,
    retention: Retention,
  ): Promise<Namespace> {
    const total = Object.values(hubs).reduce((sum, { partitions }) => sum + partitions, 0);
    const options = { ...retention, cacheBytes: Math.floor(TAIL_CACHE_BYTES / Math.max(total, 8)) };
    const opened = new Map<string, Hub>();
    try {
      for (const [name, hub] of Object.entries(hubs)) {
        checkHub(name, hub);
        opened.set(name.toLowerCase(), await openHub(dataDir, name, hub, files, options));
      }
    } catch (error) {
      await closeHubs(opened);
      throw error;
    }
    const namespace = new Namespace(opened);
    await namespace.expire();
    return namespace;
  }

  hub(name: string): Hub | undefined {
    return this.hubs.get(name.toLowerCase());
  }

  /** Bytes of published events that wait for their commit. */
  get queuedBytes(): number {
    let bytes = 0;
    for (const hub of this.hubs.values()) for (const { queuedBytes } of hub.partitions) bytes += queuedBytes;
    return bytes;
  }

  private async expire(): Promise<void> {
    for (const hub of this.hubs.values()) {
      for (const partition of hub.partitions) {
        await partition
          .expire(Date.now())
          .catch((error: unknown) => log('eventhubs', `${hub.name}: old events stay: ${String(error)}`));
      }
    }
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await closeHubs(this.hubs);
  }
}

async function closeHubs(hubs: ReadonlyMap<string, Hub>): Promise<void> {
  const partitions = [...hubs.values()].flatMap((hub) => hub.partitions);
  await Promise.all(partitions.map((partition) => partition.close()));
}

function checkHub(name: string, { partitions, consumerGroups = [] }: HubOptions): void {
  for (const text of [name, ...consumerGroups]) {
    if (!NAME.test(text)) throw new Error(`"${text}" is no valid name of an event hub or consumer group.`);
  }
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > MAX_PARTITIONS) {
    throw new Error(`The event hub ${name} needs 1 to ${MAX_PARTITIONS} partitions, not ${partitions}.`);
  }
}

async function openHub(
  dataDir: string,
  name: string,
  { partitions: count, consumerGroups = [] }: HubOptions,
  files: Files,
  options: Retention & { cacheBytes: number },
): Promise<Hub> {
  const folder = join(dataDir, name.toLowerCase());
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await files.syncFolder(dataDir);
  const stored = (await readdir(folder)).filter((entry) => /^\d+$/.test(entry)).length;
  if (stored > count) {
    throw new Error(
      `The event hub ${name} has ${stored} partitions on disk, but ${count} are configured: events would be lost.`,
    );
  }
  const createdAt = await creationTime(folder, files);
  const ids = Array.from({ length: count }, (_, id) => String(id));
  const opened = await Promise.allSettled(ids.map((id) => Partition.open(join(folder, id), files, options)));
  const partitions = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = opened.find((result) => result.status === 'rejected');
  if (failed) {
    await Promise.all(partitions.map((partition) => partition.close()));
    throw failed.reason;
  }
  const groups = new Map(
    [DEFAULT_GROUP, ...consumerGroups].map((group) => [
      group.toLowerCase(),
      ids.map(() => new ReaderGroup()),
    ]),
  );
  return new Hub(name, createdAt, partitions, groups);
}

/** When the hub was first opened; kept in a file. */
async function creationTime(folder: string, files: Files): Promise<Date> {
  const path = join(folder, HUB_FILE);
  const text = await readFile(path, 'utf8').catch(() => '');
  const match = /^\{"createdAt":"([^"]+)"\}$/.exec(text);
  const createdAt = new Date(match?.[1] ?? Date.now());
  if (!match) await writeFileDurably(files, path, [Buffer.from(JSON.stringify({ createdAt }))]);
  return createdAt;
}
