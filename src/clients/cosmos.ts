import { CosmosClient, ErrorResponse, type Container } from '@azure/cosmos';
import { managedIdentity, type Connection } from './connection';
import { once } from './once';

/** The HTTP status of a failed Cosmos DB request, or undefined when the request did not get an answer. */
export function statusOf(error: unknown): number | undefined {
  if (error instanceof ErrorResponse || (typeof error === 'object' && error !== null && 'code' in error)) {
    const { code } = error as { code?: unknown };
    return typeof code === 'number' ? code : undefined;
  }
  return undefined;
}

export interface CosmosContainers {
  /** Documents and markers, partition key `/pk`, TTL by item. */
  documents: () => Promise<Container>;
  /** Batches, partition key `/id`. */
  batches: () => Promise<Container>;
}

/** @param createResources create the database and its containers when they are missing */
export function openCosmos(
  connection: Connection & { readonly database: string },
  createResources: boolean,
): CosmosContainers {
  const client =
    connection.type === 'connectionString'
      ? new CosmosClient(connection.connectionString)
      : new CosmosClient({ endpoint: connection.endpoint, aadCredentials: managedIdentity() });
  const database = once(async () => {
    const reference = client.database(connection.database);
    if (createResources) await client.databases.createIfNotExists({ id: connection.database });
    return reference;
  });
  const container = (id: string, path: string) =>
    once(async () => {
      const parent = await database();
      // -1: items expire only by their own `ttl` (https://learn.microsoft.com/azure/cosmos-db/nosql/time-to-live).
      if (createResources) {
        await parent.containers.createIfNotExists({
          id,
          partitionKey: { paths: [path], version: 2 },
          defaultTtl: -1,
        });
      }
      return parent.container(id);
    });
  return { documents: container('documents', '/pk'), batches: container('batches', '/id') };
}
