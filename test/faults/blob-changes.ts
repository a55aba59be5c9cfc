import { randomUUID } from 'node:crypto';
import { BlobSASPermissions, type BlockBlobClient, type ContainerClient } from '@azure/storage-blob';
import type { Random } from '../../tools/lib/random';
import { content } from '../conformance/blob/backends';

type Metadata = Record<string, string>;

/** What a client knows of a blob. */
export interface BlobState {
  readonly blob?: { readonly content: Buffer; readonly metadata: Metadata; readonly leaseId?: string };
  /** Blocks that are not committed, by id. */
  readonly staged: Readonly<Record<string, Buffer>>;
}

/** What a client knows of a container; undefined: that there is none. */
export interface ContainerState {
  readonly metadata: Metadata;
  readonly policies: Readonly<Record<string, string>>;
  readonly leaseId?: string;
  readonly blobs: readonly string[];
}

/** A request, and what it leaves behind. */
export interface Change<State> {
  readonly next: State;
  readonly send: () => Promise<unknown>;
}

const SIZES = [10, 1_000, 40_000, 70_000, 200_000];
const MAX_STAGED = 4;
const SAS_LIFE_MS = 3_600_000;

function someContent(random: Random): Buffer {
  return content(random.pick(SIZES), random.integer(1, 1_000_000));
}

function someMetadata(random: Random): Metadata {
  return { a: String(random.integer(1, 1_000_000)) };
}

function readUrl(source: BlockBlobClient): Promise<string> {
  const expiresOn = new Date(Date.now() + SAS_LIFE_MS);
  return source.generateSasUrl({ permissions: BlobSASPermissions.parse('r'), expiresOn });
}

export interface BlobContext {
  readonly client: BlockBlobClient;
  readonly state: BlobState;
  /** Another blob of the writer, if it has one. */
  readonly source: { readonly client: BlockBlobClient; readonly content: Buffer } | undefined;
  readonly random: Random;
}

type BlobStep = (context: BlobContext) => Change<BlobState> | undefined;

/** The condition under which something may be changed. */
export function leaseIdOf(held: { readonly leaseId?: string } | undefined): { readonly leaseId?: string } {
  return held?.leaseId === undefined ? {} : { leaseId: held.leaseId };
}

const upload = ({ client, state, random }: BlobContext): Change<BlobState> => {
  const [data, metadata] = [someContent(random), someMetadata(random)];
  const conditions = leaseIdOf(state.blob);
  return {
    next: { blob: { content: data, metadata, ...conditions }, staged: {} },
    send: () => client.upload(data, data.length, { metadata, conditions }),
  };
};

const stageBlock: BlobStep = ({ client, state, source, random }) => {
  const count = Object.keys(state.staged).length;
  if (count === MAX_STAGED) return undefined;
  const id = Buffer.from(`block-${count}`).toString('base64');
  const conditions = leaseIdOf(state.blob);
  const from = random.integer(0, 1) === 0 ? source : undefined;
  const data = from?.content ?? someContent(random);
  return {
    next: { ...state, staged: { ...state.staged, [id]: data } },
    send: async () =>
      from
        ? client.stageBlockFromURL(id, await readUrl(from.client), 0, undefined, { conditions })
        : client.stageBlock(id, data, data.length, { conditions }),
  };
};

const commitBlocks: BlobStep = ({ client, state, random }) => {
  const ids = Object.keys(state.staged);
  if (ids.length === 0) return undefined;
  const metadata = someMetadata(random);
  const conditions = leaseIdOf(state.blob);
  return {
    next: {
      blob: { content: Buffer.concat(Object.values(state.staged)), metadata, ...conditions },
      staged: {},
    },
    send: () => client.commitBlockList(ids, { metadata, conditions }),
  };
};

const copy: BlobStep = ({ client, state, source, random }) => {
  if (!source) return undefined;
  const metadata = someMetadata(random);
  const conditions = leaseIdOf(state.blob);
  const options = { metadata, conditions };
  const isPut = random.integer(0, 1) === 0;
  return {
    next: { blob: { content: source.content, metadata, ...conditions }, staged: {} },
    send: async () => {
      const url = await readUrl(source.client);
      return isPut ? client.syncUploadFromURL(url, options) : client.syncCopyFromURL(url, options);
    },
  };
};

const setMetadata: BlobStep = ({ client, state, random }) => {
  if (!state.blob) return undefined;
  const metadata = someMetadata(random);
  const conditions = leaseIdOf(state.blob);
  return {
    next: { ...state, blob: { ...state.blob, metadata } },
    send: () => client.setMetadata(metadata, { conditions }),
  };
};

/** Acquires a lease, or changes, releases or breaks the one there is. */
const lease: BlobStep = ({ client, state, random }) => {
  const { blob, staged } = state;
  if (!blob) return undefined;
  const { leaseId, ...free } = blob;
  const next = randomUUID();
  const leased = { blob: { ...free, leaseId: next }, staged };
  if (leaseId === undefined) {
    return { next: leased, send: () => client.getBlobLeaseClient(next).acquireLease(-1) };
  }
  const holder = client.getBlobLeaseClient(leaseId);
  const unleased = { blob: free, staged };
  return random.pick([
    { next: leased, send: () => holder.changeLease(next) },
    { next: unleased, send: () => holder.releaseLease() },
    { next: unleased, send: () => holder.breakLease(0) },
  ]);
};

const deleteBlob: BlobStep = ({ client, state }) =>
  state.blob && {
    next: { staged: {} },
    send: () => client.delete({ conditions: leaseIdOf(state.blob) }),
  };

/** Those named more often happen more often. */
const BLOB_STEPS: readonly BlobStep[] = [
  upload,
  upload,
  stageBlock,
  stageBlock,
  commitBlocks,
  copy,
  copy,
  setMetadata,
  lease,
  lease,
  deleteBlob,
];

/** A change that the blob as it is allows. */
export function changeBlob(context: BlobContext): Change<BlobState> {
  return context.random.pick(BLOB_STEPS)(context) ?? upload(context);
}

/** A change that the container as it is allows. */
export function changeContainer(
  client: ContainerClient,
  state: ContainerState | undefined,
  random: Random,
): Change<ContainerState | undefined> {
  const metadata = someMetadata(random);
  if (!state) {
    const next = { metadata, policies: {}, blobs: [] };
    return { next, send: () => client.create({ metadata }) };
  }
  const { leaseId, ...free } = state;
  const conditions = leaseIdOf(state);
  const id = randomUUID();
  const permissions = random.pick(['r', 'rw', 'rl']);
  const expiresOn = new Date(Date.now() + SAS_LIFE_MS);
  const name = `blob-${state.blobs.length}`;
  const data = someContent(random);
  return random.pick<Change<ContainerState | undefined>>([
    { next: { ...state, metadata }, send: () => client.setMetadata(metadata, { conditions }) },
    {
      next: { ...state, policies: { [id]: permissions } },
      send: () =>
        client.setAccessPolicy(undefined, [{ id, accessPolicy: { permissions, expiresOn } }], { conditions }),
    },
    leaseId === undefined
      ? { next: { ...state, leaseId: id }, send: () => client.getBlobLeaseClient(id).acquireLease(-1) }
      : { next: free, send: () => client.getBlobLeaseClient(leaseId).releaseLease() },
    {
      next: { ...state, blobs: [...state.blobs, name] },
      send: () => client.uploadBlockBlob(name, data, data.length),
    },
    { next: undefined, send: () => client.delete({ conditions }) },
  ]);
}
