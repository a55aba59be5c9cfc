import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type {
  BlobLeaseClient,
  BlobServiceClient,
  BlockBlobClient,
  ContainerClient,
  RestError,
} from '@azure/storage-blob';
import type { Random } from '../../tools/lib/random';
import { all, refusal } from '../conformance/blob/backends';
import {
  type BlobContext,
  type BlobState,
  type Change,
  changeBlob,
  changeContainer,
  leaseIdOf,
  type ContainerState,
} from './blob-changes';

/** Holds the blobs of all writers. */
export const CONTAINER = 'faults';
const BLOBS_A_WRITER = 5;
/** What {@link refusal} says of a request that succeeds. */
const NO_REFUSAL = 'no refusal';

/** One blob or container: after a crash it is as it was acknowledged, or as the request that was under way leaves it. */
class Subject<State> {
  private underWay: { readonly state: State } | undefined;
  constructor(
    readonly name: string,
    public acknowledged: State,
  ) {}

  async make({ next, send }: Change<State>): Promise<void> {
    this.underWay = { state: next };
    await send();
    this.settle(next);
  }

  get allowed(): State[] {
    return [this.acknowledged, ...(this.underWay ? [this.underWay.state] : [])];
  }

  /** What was found after a crash is what the next one must keep. */
  settle(state: State): void {
    this.acknowledged = state;
    this.underWay = undefined;
  }
}

type BlobSubject = Subject<BlobState>;
type ContainerSubject = Subject<ContainerState | undefined>;

/** What a client finds of a blob, or what it is to find. The ids of leases do not show. */
function viewOf({ blob, staged }: BlobState): object {
  return {
    blob: blob && {
      ...summary(blob.content),
      metadata: blob.metadata,
      isLocked: blob.leaseId !== undefined,
    },
    staged: Object.entries(staged).map(([id, { length }]) => ({ id, length })),
  };
}

function summary(data: Buffer): object {
  return { size: data.length, sha256: createHash('sha256').update(data).digest('hex') };
}

async function findBlob(client: BlockBlobClient, isThere: boolean): Promise<object> {
  const blocks = await client.getBlockList('uncommitted').catch((error: { statusCode?: number }) => {
    if (error.statusCode !== 404) throw error;
    return undefined;
  });
  const properties = isThere ? await client.getProperties() : undefined;
  return {
    blob: properties && {
      ...summary(await client.downloadToBuffer()),
      metadata: properties.metadata,
      isLocked: properties.leaseStatus === 'locked',
    },
    staged: (blocks?.uncommittedBlocks ?? []).map(({ name, size }) => ({ id: name, length: size })),
  };
}

/** Clients that write to one account from several sides, and remember what they were promised. */
export class BlobLoad {
  private readonly writers: readonly { blobs: readonly BlobSubject[]; container: ContainerSubject }[];

  constructor(writers: number) {
    this.writers = Array.from({ length: writers }, (_, writer) => ({
      blobs: Array.from(
        { length: BLOBS_A_WRITER },
        (__, blob) => new Subject(`${writer}/${blob}`, { staged: {} }),
      ),
      container: new Subject(`writer-${writer}`, undefined),
    }));
  }

  /** Writes until the endpoint ends; `onAcknowledged` hears of each request that was answered. */
  async run(service: BlobServiceClient, random: Random, onAcknowledged: () => void): Promise<void> {
    const container = service.getContainerClient(CONTAINER);
    const write = async ({ blobs, container: own }: (typeof this.writers)[number]): Promise<void> => {
      for (;;) {
        if (random.integer(1, 5) === 1) {
          await own.make(changeContainer(service.getContainerClient(own.name), own.acknowledged, random));
        } else {
          const subject = random.pick(blobs);
          const source = sourceOf(container, random.pick(blobs.filter((one) => one !== subject)));
          const client = container.getBlockBlobClient(subject.name);
          await subject.make(changeBlob({ client, state: subject.acknowledged, source, random }));
        }
        onAcknowledged();
      }
    };
    const ends = await Promise.allSettled(this.writers.map(write));
    const reasons = ends.map((end) => (end.status === 'rejected' ? (end.reason as RestError) : undefined));
    // What a killed process leaves unanswered has no status.
    expect(reasons.filter((reason) => reason?.statusCode !== undefined)).toEqual([]);
  }

  /** Deletes everything, after a check. */
  async clear(service: BlobServiceClient): Promise<void> {
    for (const { container } of this.writers) {
      const { name, acknowledged } = container;
      if (acknowledged) await service.deleteContainer(name, { conditions: leaseIdOf(acknowledged) });
    }
    await service.deleteContainer(CONTAINER);
  }

  /** Everything that was acknowledged is there, and nothing is half there. */
  async check(service: BlobServiceClient): Promise<void> {
    const container = service.getContainerClient(CONTAINER);
    const listed = new Set((await all(container.listBlobsFlat())).map(({ name }) => name));
    const containers = new Set((await all(service.listContainers())).map(({ name }) => name));
    const checks = this.writers.map(async ({ blobs, container: own }) => {
      for (const subject of blobs) {
        await checkBlob(container.getBlockBlobClient(subject.name), subject, listed.delete(subject.name));
      }
      await checkContainer(service.getContainerClient(own.name), own, containers.delete(own.name));
    });
    await Promise.all(checks);
    expect([...listed]).toEqual([]);
    expect([...containers]).toEqual([CONTAINER]);
  }
}

function sourceOf(
  container: ContainerClient,
  { name, acknowledged: { blob } }: BlobSubject,
): BlobContext['source'] {
  return blob && { client: container.getBlockBlobClient(name), content: blob.content };
}

/** Takes the state that was found as the one to go on from. */
async function settle<State>(
  subject: Subject<State>,
  found: unknown,
  view: (state: State) => unknown,
  /** The ids of leases do not show. */
  holdsLease: (state: State) => Promise<boolean>,
): Promise<State> {
  const { name, allowed } = subject;
  const views = allowed.map(view);
  expect(views.map((state) => ({ name, state }))).toContainEqual({ name, state: found });
  for (const [index, state] of allowed.entries()) {
    if (!isDeepStrictEqual(views[index], found) || !(await holdsLease(state))) continue;
    subject.settle(state);
    return state;
  }
  throw new Error(`${name} is leased under another id.`);
}

async function renews(client: BlobLeaseClient): Promise<boolean> {
  const refused = await refusal(client.renewLease());
  expect([NO_REFUSAL, '409 LeaseIdMismatchWithLeaseOperation']).toContain(refused);
  return refused === NO_REFUSAL;
}

async function checkBlob(client: BlockBlobClient, subject: BlobSubject, isThere: boolean): Promise<void> {
  const found = await findBlob(client, isThere);
  const { blob } = await settle(subject, found, viewOf, async ({ blob: candidate }) =>
    candidate?.leaseId === undefined ? true : renews(client.getBlobLeaseClient(candidate.leaseId)),
  );
  if (blob?.leaseId !== undefined) expect(await refusal(client.upload('x', 1))).toBe('412 LeaseIdMissing');
}

async function findContainer(client: ContainerClient): Promise<object> {
  const { metadata, leaseStatus } = await client.getProperties();
  const { signedIdentifiers } = await client.getAccessPolicy();
  const policies = signedIdentifiers.map(({ id, accessPolicy }) => [id, accessPolicy.permissions]);
  const blobs = (await all(client.listBlobsFlat())).map(({ name }) => name);
  return { metadata, policies, blobs, isLocked: leaseStatus === 'locked' };
}

async function checkContainer(
  client: ContainerClient,
  subject: ContainerSubject,
  isThere: boolean,
): Promise<void> {
  const found = isThere ? await findContainer(client) : undefined;
  const view = (state: ContainerState | undefined): object | undefined =>
    state && {
      metadata: state.metadata,
      policies: Object.entries(state.policies),
      blobs: [...state.blobs].sort(),
      isLocked: state.leaseId !== undefined,
    };
  const state = await settle(subject, found, view, async (candidate) =>
    candidate?.leaseId === undefined ? true : renews(client.getBlobLeaseClient(candidate.leaseId)),
  );
  if (state?.leaseId !== undefined) expect(await refusal(client.delete())).toBe('412 LeaseIdMissing');
}
