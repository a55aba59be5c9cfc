import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { CosmosClient } from '@azure/cosmos';
import { earliestEventPosition, EventHubConsumerClient, EventHubProducerClient } from '@azure/event-hubs';
import { BlobServiceClient } from '@azure/storage-blob';
import { isAlive, removeTemporaryFolders, temporaryFolder } from '../../support/functions-host';
import { until } from '../../support/until';
import { Sink } from '../../support/sink';

const MAIN = resolve(__dirname, '../../../build/tools/local.js');
const APP = resolve(__dirname, '../../support/apps/plain');

/** `npm run local` in a process of its own, and what it says. */
class Local {
  readonly stdout: string[] = [];
  stderr = '';
  readonly exited: Promise<unknown[]>;
  private readonly child: ChildProcess;

  constructor(
    argv: readonly string[],
    environment: Record<string, string> = {},
    command: readonly string[] = [process.execPath, MAIN],
  ) {
    const [program = '', ...first] = command;
    this.child = spawn(program, [...first, ...argv], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exited = once(this.child, 'close');
    const lines = createInterface(this.child.stdout!);
    lines.on('line', (line) => this.stdout.push(line));
    this.child.stderr!.on('data', (chunk) => (this.stderr += String(chunk)));
  }

  /** What it says of a service when that serves. */
  async ready(service: string): Promise<string> {
    const start = `READY ${service} `;
    for (;;) {
      const line = this.stdout.find((line) => line.startsWith(start));
      if (line !== undefined) return line.slice(start.length);
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error(this.stderr);
      await Promise.race([once(this.child.stdout!, 'data'), this.exited]);
      await new Promise((next) => setImmediate(next));
    }
  }

  async end(signal: NodeJS.Signals): Promise<unknown> {
    this.child.kill(signal);
    return (await this.exited)[0];
  }
}

const started: Local[] = [];
const local = (argv: readonly string[], environment?: Record<string, string>): Local => {
  const one = new Local(argv, environment);
  started.push(one);
  return one;
};

afterAll(async () => {
  await Promise.all(started.map((one) => one.end('SIGKILL')));
  removeTemporaryFolders();
});

test.each<[string, string[]]>([
  ['no service "queues"', ['queues']],
  ['does not say of which service', ['--port', '1']],
  ['no package.json in this folder', ['--app', '/nowhere']],
])('bad arguments: %s', async (cause, argv) => {
  const one = local(argv);
  expect([(await one.exited)[0], one.stdout]).toEqual([2, []]);
  expect(one.stderr).toContain(cause);
});

test('one service alone, whose keys and data stay', async () => {
  const data = temporaryFolder();
  const first = local(['blob', '--port', '0', '--data', data]);
  const connection = await first.ready('blob');
  const container = BlobServiceClient.fromConnectionString(connection).getContainerClient('kept');
  await container.create();
  await container.getBlockBlobClient('one').upload('1', 1);
  expect(await first.end('SIGINT')).toBe(0);
  expect(first.stdout).toEqual([`READY blob ${connection}`]);

  const port = new URL(/BlobEndpoint=([^;]+)/.exec(connection)![1]!).port;
  const second = local(['blob', '--port', port, '--data', data]);
  expect(await second.ready('blob')).toBe(connection);
  expect((await container.getBlockBlobClient('one').downloadToBuffer()).toString()).toBe('1');
  // The same folder is not for two.
  const third = local(['cosmos', '--port', '0', '--data', data]);
  expect((await third.exited)[0]).toBe(1);
  expect(third.stderr).toContain('already runs the local cloud');
  expect(await second.end('SIGTERM')).toBe(0);
});

test('ends with the shell that npm runs it in', async () => {
  const shell = ['sh', '-c', '"$0" "$@"; exit $?', process.execPath, MAIN];
  const one = new Local(
    ['blob', '--port', '0', '--data', temporaryFolder()],
    { npm_lifecycle_event: 'local' },
    shell,
  );
  started.push(one);
  await one.ready('blob');
  // Its output ends with the last process that could write to it.
  await one.end('SIGTERM');
  expect(one.stderr).toContain('SIGTERM: stopping');
});

describe('an app with all of them', () => {
  const sink = new Sink<{ name: string; item: unknown; metadata?: Record<string, unknown> }>();
  const data = temporaryFolder();
  let all: Local;
  let url: string;
  let connections: Record<'blob' | 'eventhubs' | 'cosmos', string>;

  beforeAll(async () => {
    const ports = ['blob', 'eventhubs', 'cosmos', 'functions'].flatMap((name) => ['--port', `${name}=0`]);
    const argv = ['--app', APP, '--data', data, '--no-keys', '--hub', 'things:2:readers', '--hub', 'others'];
    all = local([...ports, ...argv], { SINK: await sink.start(), OVERRIDDEN: 'from the environment' });
    const [blob, eventhubs, cosmos] = await Promise.all(
      ['blob', 'eventhubs', 'cosmos'].map((name) => all.ready(name)),
    );
    connections = { blob: blob!, eventhubs: eventhubs!, cosmos: cosmos! };
    url = await all.ready('functions');
  });

  afterAll(() => sink.close());

  const pids = (): number[] =>
    (
      JSON.parse(readFileSync(join(data, 'processes.json'), 'utf8')) as { children: { pid: number }[] }
    ).children.map(({ pid }) => pid);

  test('its HTTP functions answer without a key, but for the level admin', async () => {
    const hello = await fetch(`${url}/hello`);
    expect(hello.headers.getSetCookie()).toEqual(['seen=yes; path=/']);
    expect(await hello.json()).toEqual({
      hooked: 'pre',
      GREETING: 'from the file',
      OVERRIDDEN: 'from the environment',
      AzureWebJobsStorage: connections.blob,
      AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
    });
    const raw = await fetch(`${url}/raw`, { method: 'POST', body: Buffer.from([1, 0, 255]) });
    expect([...new Uint8Array(await raw.arrayBuffer())]).toEqual([255, 0, 1]);
    expect((await fetch(`${url}/administered`)).status).toBe(401);
    expect((await fetch(`${url}/off`)).status).toBe(404);
  });

  test('its orchestrations run', async () => {
    const response = await fetch(`${url}/start`, { method: 'POST', body: '[1,2,3]' });
    expect([response.status, await response.json()]).toEqual([200, [2, 4, 6]]);
  });

  test('its timer, its events and its changes arrive', async () => {
    await sink.wait('atStart', 1);
    const producer = new EventHubProducerClient(connections.eventhubs, 'things');
    await producer.sendBatch([{ body: { n: 1 }, properties: { kind: 'test' } }]);
    await producer.close();
    const [events] = await sink.wait('events', 1);
    expect(events).toMatchObject({ item: [{ n: 1 }], metadata: { propertiesArray: [{ kind: 'test' }] } });

    const client = new CosmosClient(connections.cosmos);
    const { database } = await client.databases.createIfNotExists({ id: 'db' });
    const { container } = await database.containers.createIfNotExists({ id: 'things', partitionKey: '/pk' });
    await container.items.create({ id: 'one', pk: 'a' });
    client.dispose();
    const [changes] = await sink.wait('changes', 1);
    expect(changes).toMatchObject({ item: [{ id: 'one', pk: 'a' }] });
  });

  test('what it puts out is stored before it has succeeded', async () => {
    const store = async (id: string, body: object): Promise<number> =>
      (await fetch(`${url}/store/${id}`, { method: 'POST', body: JSON.stringify(body) })).status;
    const documents = [
      { id: 'a', pk: 1 },
      { id: 'b', pk: 2 },
    ];
    expect(await store('one', { events: ['text', { n: 1 }], documents, blob: { whole: true } })).toBe(201);
    expect(await store('two', { documents: { id: 'a', pk: 1, again: true } })).toBe(201);
    // Of no output, nothing; of one that the store refuses, a failure.
    expect(await store('three', {})).toBe(201);
    expect(await store('four', { documents: { pk: 1 } })).toBe(500);
    expect(await store('five', { documents: ['[1]'] })).toBe(500);
    expect((await fetch(`${url}/astray`)).status).toBe(501);

    const blobs = BlobServiceClient.fromConnectionString(connections.blob).getContainerClient('out');
    const blob = async (name: string): Promise<string> =>
      (await blobs.getBlockBlobClient(name).downloadToBuffer()).toString();
    expect(await blob('one-things.json')).toBe('{"whole":true}');
    await until(() => blobs.getBlockBlobClient('returned.txt').exists());
    expect(await blob('returned.txt')).toBe('returned');

    const client = new CosmosClient(connections.cosmos);
    const { resources } = await client
      .database('db')
      .container('stored')
      .items.query('SELECT c.id, c.pk, c.again FROM c ORDER BY c.id')
      .fetchAll();
    client.dispose();
    expect(resources).toEqual([
      { id: 'a', pk: 1, again: true },
      { id: 'b', pk: 2 },
    ]);

    const consumer = new EventHubConsumerClient('$Default', connections.eventhubs, 'others');
    const bodies = await new Promise<string[]>((done, fail) => {
      const seen: string[] = [];
      consumer.subscribe(
        {
          processEvents: async (events) => {
            seen.push(
              ...events.map(({ body }) => (Buffer.isBuffer(body) ? body.toString() : JSON.stringify(body))),
            );
            if (seen.length >= 2) done(seen);
            return Promise.resolve();
          },
          processError: async (reason) => Promise.resolve(fail(reason)),
        },
        { startPosition: earliestEventPosition, skipParsingBodyAsJson: true },
      );
    });
    await consumer.close();
    expect(bodies).toEqual(['text', '{"n":1}']);
  });

  test('what is not supported is named, and why', () => {
    for (const [name, type] of [
      ['queued', 'queueTrigger'],
      ['bus', 'serviceBusTrigger'],
      ['kafka', 'kafkaTrigger'],
      ['counter', 'entityTrigger'],
    ])
      expect(all.stderr).toContain(
        `"${name}" does not run: bindings of the type ${type} are not implemented`,
      );
  });

  test('what dies comes back at the same place, and nothing more is said on standard output', async () => {
    const before = pids();
    for (const pid of before) process.kill(pid, 'SIGKILL');
    await until(() => pids().length === 4 && pids().every((pid) => !before.includes(pid)));
    await until(() =>
      fetch(`${url}/hello`).then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
    expect(all.stdout).toHaveLength(4);
    expect(all.stdout.every((line) => line.startsWith('READY '))).toBe(true);
  });

  test('SIGTERM ends all of them', async () => {
    const running = pids();
    expect(await all.end('SIGTERM')).toBe(0);
    expect(running.filter(isAlive)).toEqual([]);
  });
});
