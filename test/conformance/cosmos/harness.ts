import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CosmosClient, type Container, type Database } from '@azure/cosmos';
import { cosmosConnectionString, startCosmos, type CosmosOptions } from '../../../local/cosmos/server';

export const KEY = Buffer.from('a key for tests only').toString('base64');

export interface Endpoint {
  readonly client: CosmosClient;
  readonly database: Database;
  readonly port: number;
  dispose(): Promise<void>;
}

/** Starts an endpoint on an empty folder, with one database. */
export async function startEndpoint(options: Partial<CosmosOptions> = {}): Promise<Endpoint> {
  const dataDir = await mkdtemp(join(tmpdir(), 'cosmos-test-'));
  const service = await startCosmos({ dataDir, port: 0, key: KEY, ...options });
  const client = new CosmosClient(cosmosConnectionString({ port: service.port, key: KEY }));
  const { database } = await client.databases.create({ id: 'db' });
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
