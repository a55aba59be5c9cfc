import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CosmosClient, type Container } from '@azure/cosmos';
import { cosmosConnectionString } from '../../../local/cosmos/server';
import { ChildEndpoint, SEED } from './child-endpoint';
import { KEY } from './cosmos-http';
import { KINDS } from './cosmos-requests';
import { attack } from './http-attack';

const REQUESTS = 2_000;

let endpoint: ChildEndpoint;
let dataDir: string;
let client: CosmosClient;
let container: Container;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hostile-cosmos-'));
  endpoint = await ChildEndpoint.start('cosmos', { dataDir, key: KEY });
  client = new CosmosClient(cosmosConnectionString({ port: endpoint.port, key: KEY }));
  const { database } = await client.databases.create({ id: 'db' });
  const create = async (id: string, partitionKey: object): Promise<Container> =>
    (await database.containers.create({ id, partitionKey: partitionKey as never })).container;
  container = await create('c', { paths: ['/pk'], version: 2 });
  await create('h', { paths: ['/a', '/b'], kind: 'MultiHash', version: 2 });
  await container.items.create({ id: 'x', pk: 'p', text: 'x', list: [1] });
});

afterAll(async () => {
  client.dispose();
  await endpoint.stop();
  await rm(dataDir, { recursive: true });
});

/** Of the other kinds any refusal will do. */
const STATUS: Readonly<Record<string, RegExp>> = {
  'a key or a signature that is wrong': /^HTTP\/1\.1 401 /,
  'a signature that has expired, or is not yet valid': /^HTTP\/1\.1 403 /,
  'a date that is none': /^HTTP\/1\.1 401 /,
};

/** Whether it is a refusal as the service writes it. */
function isProper(answer: string, kind: string): boolean {
  if (!(STATUS[kind] ?? /^HTTP\/1\.1 (4\d\d|501) /).test(answer)) return false;
  try {
    const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as {
      code?: unknown;
      message?: unknown;
    };
    return typeof body.code === 'string' && typeof body.message === 'string';
  } catch {
    return false;
  }
}

test(`${REQUESTS} malformed requests (SEED=${SEED}) are each refused, and the endpoint serves on`, async () => {
  const { resource: before } = await container.item('x', 'p').read();
  const findings = await attack({
    port: endpoint.port,
    kinds: KINDS,
    requests: REQUESTS,
    seed: SEED,
    isProper,
    serves: async () => {
      const { resource } = await container.item('x', 'p').read();
      expect([endpoint.isAlive, resource]).toEqual([true, before]);
    },
  });
  expect(findings).toEqual([]);
  const { resources } = await container.items.query('SELECT VALUE c.id FROM c').fetchAll();
  expect(resources).toEqual(['x']);
  expect(endpoint.log).toBe('');
});
