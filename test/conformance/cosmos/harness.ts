import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CosmosClient, type Container, type Database } from '@azure/cosmos';
import { cosmosConnectionString, startCosmos, type CosmosOptions } from '../../../local/cosmos/server';

export const KEY = Buffer.from('a key for tests only').toString('base64');

/** A Cosmos DB account that the cases run against, with a database of their own. */
export interface Backend {
  readonly client: CosmosClient;
  readonly database: Database;
  dispose(): Promise<void>;
}

/** The local endpoint. */
export interface Endpoint extends Backend {
  readonly port: number;
}

/** Starts an endpoint on an empty folder, with one database. */
export async function startEndpoint(options: Partial<CosmosOptions> = {}): Promise<Endpoint> {
  const dataDir = await mkdtemp(join(tmpdir(), 'cosmos-test-'));
  const service = await startCosmos({ dataDir, port: 0, key: KEY, ...options });
  const client = new CosmosClient(cosmosConnectionString({ port: service.port, key: KEY }));
  const { database } = await client.databases.createIfNotExists({ id: 'db' });
  return {
    client,
    database,
    port: service.port,
    async dispose() {
      client.dispose();
      await service.dispose();
      await rm(dataDir, { recursive: true });
    },
  };
}

/** Connects to a real account; its database is removed afterwards, whatever the cases leave in it. */
async function connect(connectionString: string): Promise<Backend> {
  const client = new CosmosClient(connectionString);
  const { database } = await client.databases.create({ id: `headwater-${randomUUID()}` });
  return {
    client,
    database,
    async dispose() {
      await database.delete();
      client.dispose();
    },
  };
}

/** The connection string of a real account; without it the cases run against the local endpoint only. */
const AZURE = process.env['HEADWATER_TEST_AZURE_COSMOS'];

const BACKENDS: Record<string, () => Promise<Backend>> = {
  local: startEndpoint,
  ...(AZURE ? { azure: () => connect(AZURE) } : {}),
};

/** Where cases run that are about the local endpoint only: what it lacks, or answers otherwise. */
export const LOCAL_ONLY: readonly string[] = ['local'];

/** Runs the cases once per backend (or on those named). The backend is there only inside the cases. */
export function onEachBackend(
  what: string,
  cases: (backend: () => Backend) => void,
  names: readonly string[] = Object.keys(BACKENDS),
): void {
  describe.each(names)(`${what} (%s)`, (name) => {
    let backend: Backend | undefined;
    beforeAll(async () => {
      backend = await BACKENDS[name]!();
    });
    afterAll(() => backend?.dispose());
    cases(() => backend!);
  });
}

let containers = 0;

/** Creates a container with the partition key `/pk` unless told otherwise. */
export async function newContainer(
  database: Database,
  body: Parameters<Database['containers']['create']>[0] = {},
): Promise<Container> {
  const { container } = await database.containers.create({
    id: `container-${++containers}`,
    partitionKey: { paths: ['/pk'], version: 2 },
    ...body,
  });
  return container;
}

/** The status with which an operation was refused; fails when it was not. */
export async function refusal(operation: Promise<unknown>): Promise<number | string | undefined> {
  try {
    await operation;
  } catch (error) {
    return (error as { code?: number | string }).code;
  }
  throw new Error('The operation was expected to be refused.');
}

/** The message with which an operation was refused; fails when it was not. */
export async function refusalText(operation: Promise<unknown>): Promise<string> {
  try {
    await operation;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('The operation was expected to be refused.');
}
