import { type ChildProcess, fork } from 'node:child_process';
import { on, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReceivedEventData } from '@azure/event-hubs';
import { eventHubsConnectionString } from '../../local/eventhubs/server';
import type { FromChild } from '../../local/shared/child';
import { random as seeded } from '../../tools/lib/random';
import { Clients, CREDENTIAL, receiveAll } from '../conformance/eventhubs/support';
import { type Batch, type FromPublisher, NUMBERED, ROUTES, type ToPublisher } from './eventhubs-publisher';

const HUB = 'log';
const PARTITIONS = ['0', '1'];
const CRASHES = 3;
const PUBLISHER = join(__dirname, '../../build/test/faults/eventhubs-publisher.js');
const MAIN = join(__dirname, '../../build/local/eventhubs/main.js');
/** Small, so that a run goes through several segments. */
const SEGMENT_BYTES = 96 * 1024;

function startProcess(path: string, env: NodeJS.ProcessEnv = {}): ChildProcess {
  return fork(path, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
}

async function kill(child: ChildProcess | undefined, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/** Publishes from another process, which outlives the endpoint as an application does. */
class Publisher {
  readonly sent = new Map<string, Batch>();
  readonly acknowledged = new Set<string>();
  private life = 0;
  private isNew = true;
  private readonly child = startProcess(PUBLISHER);
  private readonly messages = on(this.child, 'message', { close: ['exit'] });

  /** Forgets what was sent to an earlier store. */
  begin(): void {
    this.sent.clear();
    this.acknowledged.clear();
    this.isNew = true;
  }

  /** Resolves when the idempotent producers have gone on, and `batches` were acknowledged. */
  async publish(port: number, seed: number, batches: number): Promise<void> {
    const waiting = new Set(NUMBERED);
    const enough = this.acknowledged.size + batches;
    const { isNew } = this;
    const life = (this.life += 1);
    this.isNew = false;
    this.order({ type: 'publish', connectionString: connectionString(port), hub: HUB, life, isNew, seed });
    await this.hear((message) => {
      if (message.type === 'failed' && message.life === life) throw new Error(message.message);
      if (message.type === 'resumed') waiting.delete(message.stream);
      return waiting.size === 0 && this.acknowledged.size >= enough;
    });
  }

  /** Nothing is sent any more when it resolves, and everything that was is known. */
  async stop(): Promise<void> {
    this.order({ type: 'stop' });
    await this.hear((message) => message.type === 'stopped');
  }

  private order(message: ToPublisher): void {
    this.child.send(message);
  }

  /** Takes note of what the publisher reports, until `isLast` says so. */
  private async hear(isLast: (message: FromPublisher) => boolean): Promise<void> {
    for (;;) {
      const { value, done } = (await this.messages.next()) as IteratorResult<[FromPublisher], undefined>;
      if (done) throw new Error('The publisher ended.');
      const [message] = value;
      if (message.type === 'sending') this.sent.set(nameOf(message.batch), message.batch);
      if (message.type === 'acknowledged') this.acknowledged.add(nameOf(message.batch));
      if (isLast(message)) return;
    }
  }

  end(): Promise<void> {
    return kill(this.child);
  }
}

let dataDir: string;
let endpoint: ChildProcess | undefined;
let publisher: Publisher;
beforeAll(() => {
  publisher = new Publisher();
});
afterAll(() => publisher.end());
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'eventhubs-faults-'));
});
afterEach(async () => {
  await kill(endpoint);
  await rm(dataDir, { recursive: true, force: true });
});

/** Starts the endpoint in a process of its own. Returns its port. */
async function startEndpoint(port: number, env: NodeJS.ProcessEnv): Promise<number> {
  endpoint = startProcess(MAIN, env);
  const ready = once(endpoint, 'message') as Promise<[FromChild]>;
  const hubs = { [HUB]: { partitions: PARTITIONS.length } };
  endpoint.send({
    type: 'start',
    options: { dataDir, port, ...CREDENTIAL, hubs, segmentBytes: SEGMENT_BYTES },
  });
  const [answer] = await ready;
  if (answer.type !== 'ready') throw new Error(answer.message);
  return answer.port;
}

function nameOf({ stream, life, turn }: Batch): string {
  return `${stream}/${life}/${turn}`;
}

function connectionString(port: number): string {
  return eventHubsConnectionString({ port, ...CREDENTIAL });
}

/** All events, by partition. */
async function readLog(port: number): Promise<ReceivedEventData[][]> {
  const clients = new Clients(() => connectionString(port), HUB);
  const log = await Promise.all(PARTITIONS.map((id) => receiveAll(clients, id)));
  await clients.closeClients();
  return log;
}

interface StoredBatch {
  readonly batch: Batch;
  readonly partition: number;
}

/** Puts the events of a partition together to their batches, each of which must be whole. */
function batchesOf(events: readonly ReceivedEventData[], partition: number): StoredBatch[] {
  expect(events.map(({ sequenceNumber }) => sequenceNumber)).toEqual(events.map((_, index) => index));
  const batches: StoredBatch[] = [];
  for (let at = 0; at < events.length; at += batches.at(-1)?.batch.size ?? 1) {
    const batch = events[at]?.body as Batch;
    const whole = events.slice(at, at + batch.size);
    const found = whole.map(({ body, partitionKey }) => {
      const { index, ...of } = body as Batch & { index: number };
      return `${nameOf(of)}#${index} ${partitionKey ?? ''}`;
    });
    const key = ROUTES[batch.stream]?.partitionKey ?? '';
    expect(found).toEqual(
      Array.from({ length: batch.size }, (_, index) => `${nameOf(batch)}#${index} ${key}`),
    );
    batches.push({ batch, partition });
  }
  return batches;
}

/** Batches of a stream stand in the order in which they were sent; those of a key or partition in one place. */
function expectOrder(stream: string, stored: readonly StoredBatch[]): void {
  for (let partition = 0; partition < PARTITIONS.length; partition += 1) {
    const there = stored.filter((one) => one.partition === partition).map(({ batch }) => batch);
    const inOrder = [...there].sort((a, b) => a.life - b.life || a.turn - b.turn);
    expect(there.map(nameOf)).toEqual(inOrder.map(nameOf));
  }
  const partitions = new Set(stored.map(({ partition }) => partition));
  if (stream === 'in turn') return;
  expect(partitions.size).toBe(1);
  const named = /^(?:partition|numbered) (\d)$/.exec(stream)?.[1];
  if (named !== undefined) expect([...partitions]).toEqual([Number(named)]);
}

function expectPromisesKept(log: readonly ReceivedEventData[][]): void {
  const stored = log.flatMap(batchesOf);
  const names = stored.map(({ batch }) => nameOf(batch));
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => !publisher.sent.has(name))).toEqual([]);
  const there = new Set(names);
  expect([...publisher.acknowledged].filter((name) => !there.has(name))).toEqual([]);
  const streams = Object.groupBy(stored, ({ batch }) => batch.stream);
  for (const [stream, batches = []] of Object.entries(streams)) expectOrder(stream, batches);
}

test.each([
  ['the process is killed', {}],
  ['the power is cut', { HEADWATER_POWER_LOSS: '1' }],
])('when %s, what was acknowledged is there: once, whole and in order', async (_, env) => {
  const seed = Number(process.env['SEED'] ?? 1);
  const random = seeded(seed);
  let port = await startEndpoint(0, env);
  publisher.begin();
  for (let crashes = 0; crashes < CRASHES; crashes += 1) {
    await publisher.publish(port, seed + crashes, random.integer(20, 120));
    await kill(endpoint);
    await publisher.stop();
    port = await startEndpoint(port, env);
    expectPromisesKept(await readLog(port));
  }
  await kill(endpoint, 'SIGTERM');
});
