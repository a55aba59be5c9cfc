import { CosmosClient, type Container } from '@azure/cosmos';
import { managedIdentity, type Connection } from './connection';
import { once } from './once';
import { cosmosSigner } from './signing';

/**
 * The HTTP status of a failed Cosmos DB request, or undefined when the request did not get an answer. A failed
 * transactional batch is wrapped by the SDK: the status is its cause's.
 */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  if (typeof code === 'number') return code;
  return cause === undefined || cause === error ? undefined : statusOf(cause);
}

/** An item without what the store adds, so that one read and written back is the same. */
export function ownMembers<T>(item: object): T {
  return Object.fromEntries(Object.entries(item).filter(([name]) => !name.startsWith('_'))) as T;
}

/** A page of what a query finds in one partition; no continuation: it was the last. */
export async function readPage<T>(
  { items }: Container,
  query: string,
  partitionKey: string,
  most: number,
  continuation: string | undefined,
): Promise<{ readonly found: T[]; readonly continuation: string | undefined }> {
  const options = {
    partitionKey,
    maxItemCount: most,
    ...(continuation === undefined ? {} : { continuationToken: continuation }),
  };
  const page = await items.query<T>(query, options).fetchNext();
  const next: string | undefined = page.continuationToken;
  // The SDK gives undefined for an empty page.
  return { found: page.resources ?? [], continuation: next === '' ? undefined : next };
}

export interface CosmosContainers {
  /** Documents and markers, partition key `/pk`, TTL by item. */
  documents: () => Promise<Container>;
  /** Batches, partition key `/id`. */
  batches: () => Promise<Container>;
  /** Subscriptions, partition key `/id`. */
  subscriptions: () => Promise<Container>;
  /** Delivery rows and attempts, partition key `/pk`, TTL by item. */
  deliveries: () => Promise<Container>;
  /** Leases of the change feed. The platform makes and writes it; here it is only read. */
  leases: () => Promise<Container>;
  /** Resolves when all of them are there. */
  ready(): Promise<void>;
}

/** The SDK looks and then creates: of two processes that start together one is told 409, and has what it wanted. */
async function unlessThere(creation: Promise<unknown>): Promise<void> {
  try {
    await creation;
  } catch (error) {
    if (statusOf(error) !== 409) throw error;
  }
}

function withAccountKey(connectionString: string): CosmosClient {
  const signer = cosmosSigner(connectionString);
  return signer ? new CosmosClient(signer) : new CosmosClient(connectionString);
}

/** @param createResources create the database and its containers when they are missing */
export function openCosmos(
  connection: Connection & { readonly database: string },
  createResources: boolean,
): CosmosContainers {
  const client =
    connection.type === 'connectionString'
      ? withAccountKey(connection.connectionString)
      : new CosmosClient({ endpoint: connection.endpoint, aadCredentials: managedIdentity() });
  const database = once(async () => {
    const reference = client.database(connection.database);
    if (createResources) await unlessThere(client.databases.createIfNotExists({ id: connection.database }));
    return reference;
  });
  const container = (id: string, path: string) =>
    once(async () => {
      const parent = await database();
      // -1: items expire only by their own `ttl` (https://learn.microsoft.com/azure/cosmos-db/nosql/time-to-live).
      if (createResources) {
        await unlessThere(
          parent.containers.createIfNotExists({
            id,
            partitionKey: { paths: [path], version: 2 },
            defaultTtl: -1,
          }),
        );
      }
      return parent.container(id);
    });
  const containers = {
    documents: container('documents', '/pk'),
    batches: container('batches', '/id'),
    subscriptions: container('subscriptions', '/id'),
    deliveries: container('deliveries', '/pk'),
    leases: async () => (await database()).container('leases'),
  };
  return {
    ...containers,
    async ready() {
      await Promise.all(Object.values(containers).map((open) => open()));
    },
  };
}
