import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CosmosClient, type Container } from '@azure/cosmos';
import { cosmosConnectionString } from '../../../local/cosmos/server';
import type { FromChild } from '../../../local/shared/child';
import { random } from '../../../tools/lib/random';
import { KEY, KINDS, type Malformed } from './cosmos-requests';

const SEED = Number(process.env['SEED'] ?? 8081);
const REQUESTS = 2_000;
/** So many are on their way at one time. */
const AT_ONCE = 25;

let endpoint: ChildProcess;
let port: number;
let dataDir: string;
let client: CosmosClient;
let container: Container;
let log = '';

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'cosmos-hostile-'));
  // In a process of its own, where an unhandled rejection is its end.
  endpoint = fork(resolve('build/local/cosmos/main.js'), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    silent: true,
  });
  for (const stream of [endpoint.stdout, endpoint.stderr])
    stream?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  endpoint.send({ type: 'start', options: { dataDir, port: 0, key: KEY } });
  const [answer] = (await once(endpoint, 'message')) as [FromChild];
  if (answer.type !== 'ready') throw new Error(answer.message);
  ({ port } = answer);
  client = new CosmosClient(cosmosConnectionString({ port, key: KEY }));
  const { database } = await client.databases.create({ id: 'db' });
  const create = async (id: string, partitionKey: object): Promise<Container> =>
    (await database.containers.create({ id, partitionKey: partitionKey as never })).container;
  container = await create('c', { paths: ['/pk'], version: 2 });
  await create('h', { paths: ['/a', '/b'], kind: 'MultiHash', version: 2 });
  await container.items.create({ id: 'x', pk: 'p', text: 'x', list: [1] });
});

afterAll(async () => {
  client.dispose();
  const ended = once(endpoint, 'exit');
  endpoint.send({ type: 'stop' });
  await ended;
  await rm(dataDir, { recursive: true });
});

/** Sends it, and resolves with all that comes back until the connection ends. */
function exchange({ bytes, cut }: Malformed): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    if (cut) socket.end(bytes);
    else socket.write(bytes);
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    // What is refused before it was read to its end may end in a reset.
    socket.on('error', (error: NodeJS.ErrnoException) => error.code === 'ECONNRESET' || reject(error));
    socket.on('close', () => resolve(answer));
  });
}

const STATUS = /^HTTP\/1\.1 (4\d\d|501) /;

/** Whether it is a refusal as the service writes it. */
function isProper(answer: string): boolean {
  if (!STATUS.test(answer)) return false;
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
  const r = random(SEED);
  const kinds = Object.entries(KINDS);
  const findings: string[] = [];
  const { resource: before } = await container.item('x', 'p').read();
  for (let sent = 0; sent < REQUESTS; sent += AT_ONCE) {
    const batch = Array.from({ length: AT_ONCE }, (_, at) => {
      const [kind, make] = kinds[(sent + at) % kinds.length]!;
      return { kind, malformed: make(r) };
    });
    const answers = await Promise.all(batch.map(({ malformed }) => exchange(malformed)));
    for (const [at, answer] of answers.entries()) {
      const { kind, malformed } = batch[at]!;
      // Whoever has gone away is not owed an answer.
      if (isProper(answer) || (answer === '' && malformed.cut)) continue;
      const [status] = answer.split('\r\n');
      findings.push(`${kind}: ${malformed.bytes.toString('latin1').slice(0, 900)} → ${status}`);
    }
    const { resource } = await container.item('x', 'p').read();
    expect([endpoint.exitCode, endpoint.signalCode, resource]).toEqual([null, null, before]);
  }
  expect(findings).toEqual([]);
  const { resources } = await container.items.query('SELECT VALUE c.id FROM c').fetchAll();
  expect(resources).toEqual(['x']);
  expect(log).toBe('');
});
