import { createCipheriv, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobServiceClient, StorageSharedKeyCredential, type ContainerClient } from '@azure/storage-blob';
import { blobConnectionString, startBlob } from '../../../local/blob/server';

/** A Blob service that the cases run against. */
export interface Backend {
  readonly service: BlobServiceClient;
  readonly credential: StorageSharedKeyCredential;
  stop(): Promise<void>;
}

/** A retry would hide what is wrong, and make a case that expects a 500 slow. */
const OPTIONS = { retryOptions: { maxTries: 1 } };

async function local(): Promise<Backend> {
  const dataDir = await mkdtemp(join(tmpdir(), 'headwater-blob-'));
  const account = 'conformance';
  const key = randomBytes(64).toString('base64');
  const started = await startBlob({ dataDir, port: 0, account, key });
  return {
    ...connect(blobConnectionString({ port: started.port, account, key })),
    stop: async () => {
      await started.dispose();
      await rm(dataDir, { recursive: true });
    },
  };
}

function connect(connectionString: string): Pick<Backend, 'service' | 'credential'> {
  const service = BlobServiceClient.fromConnectionString(connectionString, OPTIONS);
  const { credential } = service;
  if (!(credential instanceof StorageSharedKeyCredential)) throw new Error('An account key is needed.');
  return { service, credential };
}

/** The connection string of a real account; without it the cases run against the local endpoint only. */
const AZURE = process.env['HEADWATER_TEST_AZURE_STORAGE'];

const BACKENDS: Record<string, () => Promise<Backend>> = {
  local,
  ...(AZURE ? { azure: async () => ({ ...connect(AZURE), stop: async () => undefined }) } : {}),
};

export interface Context extends Backend {
  /** A container of its own for the file, empty at first. */
  readonly container: ContainerClient;
}

/** Runs the cases once per backend (or on those named). The context is there only inside the cases. */
export function onEachBackend(
  what: string,
  cases: (context: () => Context) => void,
  names = Object.keys(BACKENDS),
): void {
  describe.each(names)(`${what} (%s)`, (name) => {
    let context: Context | undefined;
    beforeAll(async () => {
      const backend = await BACKENDS[name]!();
      const container = backend.service.getContainerClient(`headwater-${randomUUID()}`);
      await container.create();
      context = { ...backend, container };
    });
    afterAll(async () => {
      await context?.container.deleteIfExists();
      await context?.stop();
    });
    cases(() => context!);
  });
}

/** The status and the error code of a request that must fail. */
export async function refusal(request: Promise<unknown>): Promise<string> {
  const outcome = await request.then(
    () => ({ statusCode: 'no', code: 'refusal' }),
    (error: { statusCode?: number; code?: string; details?: { errorCode?: string } }) => ({
      statusCode: error.statusCode,
      code: error.details?.errorCode ?? error.code ?? 'without a code',
    }),
  );
  return `${outcome.statusCode} ${outcome.code}`;
}

/** All items of an asynchronous sequence. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Content that looks random and is the same for the same seed, so that a wrong offset or a mix-up shows. */
export function content(size: number, seed = 1): Buffer {
  const cipherKey = Buffer.alloc(16);
  cipherKey.writeUInt32LE(seed);
  return createCipheriv('aes-128-ctr', cipherKey, Buffer.alloc(16)).update(Buffer.alloc(size));
}
