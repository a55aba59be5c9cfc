import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { earliestEventPosition, EventHubConsumerClient, EventHubProducerClient } from '@azure/event-hubs';
import { eventHubsConnectionString, startEventHubs } from '../../local/eventhubs/server';
import type { FromChild, Service } from '../../local/shared/child';
import { type DurableFile, type Files, realFiles } from '../../local/shared/files';
import { type Acknowledged, type PublisherOptions, seeded } from './eventhubs-publisher';

const CREDENTIAL = { keyName: 'key', key: 'c2VjcmV0' };
const HUBS = { log: { partitions: 2 } };
const PUBLISHER = join(__dirname, '../../build/test/faults/eventhubs-publisher.js');
const MAIN = join(__dirname, '../../build/local/eventhubs/main.js');
/** Small, so that a run goes through several segments. */
const SEGMENT_BYTES = 96 * 1024;

let dataDir: string;
/** What a failed test has not stopped by itself. */
const running = new Set<() => Promise<void>>();
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'eventhubs-faults-'));
});
afterEach(async () => {
  await Promise.all([...running].map((stop) => stop()));
  await rm(dataDir, { recursive: true, force: true });
});

function startProcess(path: string, env: NodeJS.ProcessEnv): ChildProcess {
  const child = fork(path, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const kill = (): Promise<void> => end(child, 'SIGKILL');
  running.add(kill);
  child.once('exit', () => running.delete(kill));
  return child;
}

async function startChild(
  port: number,
  env: NodeJS.ProcessEnv,
): Promise<{ child: ChildProcess; port: number }> {
  const child = startProcess(MAIN, env);
  const ready = once(child, 'message') as Promise<[FromChild]>;
  child.send({
    type: 'start',
    options: { dataDir, port, ...CREDENTIAL, hubs: HUBS, segmentBytes: SEGMENT_BYTES },
  });
  const [answer] = await ready;
  if (answer.type !== 'ready') throw new Error(answer.message);
  return { child, port: answer.port };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

function connectionString(port: number): string {
  return eventHubsConnectionString({ port, ...CREDENTIAL });
}

function producerAt(port: number): EventHubProducerClient {
  return new EventHubProducerClient(connectionString(port), 'log', { retryOptions: { maxRetries: 0 } });
}

async function readAll(
  port: number,
  partitionId: string,
): Promise<{ body: unknown; sequenceNumber: number }[]> {
  const producer = producerAt(port);
  const { lastEnqueuedSequenceNumber: last } = await producer.getPartitionProperties(partitionId);
  await producer.close();
  const events: { body: unknown; sequenceNumber: number }[] = [];
  if (last < 0) return events;
  const consumer = new EventHubConsumerClient('$Default', connectionString(port), 'log');
  await new Promise<void>((resolve, reject) => {
    consumer.subscribe(
      partitionId,
      {
        processEvents: async (batch) => {
          events.push(
            ...batch.map(({ body, sequenceNumber }) => ({ body: body as unknown, sequenceNumber })),
          );
          if (events.at(-1)?.sequenceNumber === last) resolve();
        },
        processError: async (error) => reject(error),
      },
      { startPosition: earliestEventPosition, maxBatchSize: 1_000 },
    );
  });
  await consumer.close();
  return events;
}

/** Publishes from another process until `batches` were acknowledged, and goes on until it is killed. */
async function publish(
  options: PublisherOptions,
  batches: number,
): Promise<{ acknowledged: readonly Acknowledged[]; kill: () => Promise<void> }> {
  const publisher = startProcess(PUBLISHER, {});
  const acknowledged: Acknowledged[] = [];
  await new Promise<void>((resolve, reject) => {
    publisher.on('message', (message: Acknowledged) => {
      acknowledged.push(message);
      if (acknowledged.length === batches) resolve();
    });
    publisher.once('exit', () => reject(new Error('The publisher ended.')));
    publisher.send(options);
  });
  return { acknowledged, kill: () => end(publisher, 'SIGKILL') };
}

function idOf({ body }: { body: unknown }): string {
  return (body as { id: string }).id;
}

describe.each([
  ['the process is killed', {}],
  ['the power is cut', { HEADWATER_POWER_LOSS: '1' }],
])('when %s while events are published', (_, env) => {
  test.each([1, 2])('every acknowledged event is there once, in order (seed %d)', async (seed) => {
    const random = seeded(seed);
    let { child, port } = await startChild(0, env);
    const acknowledged: Record<string, string[]> = { '0': [], '1': [] };
    for (let round = 0; round < 2; round += 1) {
      const options = {
        connectionString: connectionString(port),
        hub: 'log',
        partitionIds: ['0', '1'],
        seed,
      };
      const publisher = await publish(options, 5 + Math.floor(random() * 60));
      await end(child, 'SIGKILL');
      await publisher.kill();
      for (const { partitionId, ids } of publisher.acknowledged) {
        acknowledged[partitionId]?.push(...ids.map((id) => `${round}:${id}`));
      }
      ({ child, port } = await startChild(port, env));
      for (const [id, expected] of Object.entries(acknowledged)) {
        const events = await readAll(port, id);
        expect(events.map(({ sequenceNumber }) => sequenceNumber)).toEqual(events.map((__, index) => index));
        checkRounds(events.map(idOf), expected);
      }
    }
    await end(child, 'SIGTERM');
  });
});

/** Each id of `expected` (`round:id`) stands in `found` once and in order; the rest was sent but not answered. */
function checkRounds(found: readonly string[], expected: readonly string[]): void {
  const rounds = found.reduce<string[][]>((all, id) => {
    // Every life of a publisher begins with its batch 0.
    if (id.endsWith('/0/0')) all.push([]);
    all.at(-1)?.push(id);
    return all;
  }, []);
  const numbered = rounds.flatMap((ids, round) => ids.map((id) => `${round}:${id}`));
  expect(new Set(numbered).size).toBe(numbered.length);
  const wanted = new Set(expected);
  expect(numbered.filter((id) => wanted.has(id))).toEqual(expected);
}

async function startHere(files: Files = realFiles): Promise<Service> {
  const options = { dataDir, port: 0, ...CREDENTIAL, hubs: HUBS, segmentBytes: SEGMENT_BYTES, files };
  const service = await startEventHubs(options);
  const dispose = (): Promise<void> => {
    running.delete(dispose);
    return service.dispose();
  };
  running.add(dispose);
  return { port: service.port, dispose };
}

async function fill(service: Service, batches: number, bodySize: number): Promise<void> {
  const producer = producerAt(service.port);
  for (let batch = 0; batch < batches; batch += 1) {
    const events = Array.from({ length: 10 }, (_, index) => ({
      body: { id: batch * 10 + index, filler: 'y'.repeat(bodySize) },
    }));
    await producer.sendBatch(events, { partitionId: '0' });
  }
  await producer.close();
}

async function segmentFiles(): Promise<string[]> {
  const folder = join(dataDir, 'log', '0');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.log')).sort();
  return names.map((name) => join(folder, name));
}

describe('a damaged log', () => {
  test('a torn write at the end of the newest segment is cut off', async () => {
    let service = await startHere();
    await fill(service, 2, 100);
    await service.dispose();
    const [path = ''] = await segmentFiles();
    const whole = await readFile(path);
    for (const torn of [1, 24, 150]) {
      // The beginning of one more event, as a crash in the middle of a write leaves it.
      await writeFile(path, Buffer.concat([whole, nextRecord(whole).subarray(0, torn)]));
      service = await startHere();
      expect((await readAll(service.port, '0')).map((event) => idOf(event))).toEqual(
        Array.from({ length: 20 }, (_, id) => id),
      );
      await service.dispose();
      expect((await readFile(path)).equals(whole)).toBe(true);
    }
    service = await startHere();
    await fill(service, 1, 100);
    expect((await readAll(service.port, '0')).map(({ sequenceNumber }) => sequenceNumber)).toEqual(
      Array.from({ length: 30 }, (_, id) => id),
    );
    await service.dispose();
  });

  test('bytes missing at the end are cut back to whole sends when nothing shows that they were acknowledged', async () => {
    let service = await startHere();
    await fill(service, 2, 100);
    await service.dispose();
    const [path = ''] = await segmentFiles();
    await rm(join(dataDir, 'log', '0', 'acknowledged'));
    await truncate(path, (await readFile(path)).length - 10);
    service = await startHere();
    expect((await readAll(service.port, '0')).map((event) => idOf(event))).toEqual(
      Array.from({ length: 10 }, (_, id) => id),
    );
    await service.dispose();
  });

  test('missing events that were acknowledged are an error', async () => {
    const service = await startHere();
    await fill(service, 2, 100);
    await service.dispose();
    const [path = ''] = await segmentFiles();
    const size = (await readFile(path)).length;
    await truncate(path, size - 10);
    await expect(startHere()).rejects.toThrow(path);
  });

  test.each([
    ['the only segment', 2, 100],
    ['an older segment', 20, 1_200],
  ])(
    'a flipped byte in the middle of %s is an error that names file and position',
    async (_, batches, bodySize) => {
      const service = await startHere();
      await fill(service, batches, bodySize);
      await service.dispose();
      const [path = ''] = await segmentFiles();
      const bytes = await readFile(path);
      for (const at of [Math.floor(bytes.length / 2), bytes.length - 2, 60, 20]) {
        const damaged = Buffer.from(bytes);
        damaged.writeUInt8(damaged.readUInt8(at) ^ 0x10, at);
        await writeFile(path, damaged);
        const message = await startHere().then(
          () => 'It started.',
          (error: Error) => error.message,
        );
        expect(message).toContain(path);
        const position = Number(/at byte (\d+)/.exec(message)?.[1]);
        expect(position).toBeLessThanOrEqual(at);
        expect(position).toBeGreaterThan(at - 1_600);
        expect((await readFile(path)).equals(damaged)).toBe(true);
      }
      await writeFile(path, bytes);
      await (await startHere()).dispose();
    },
  );

  test('a missing segment is an error', async () => {
    const service = await startHere();
    await fill(service, 20, 1_200);
    await service.dispose();
    const paths = await segmentFiles();
    expect(paths.length).toBeGreaterThan(2);
    await rm(paths[1] ?? '');
    await expect(startHere()).rejects.toThrow(paths[2]);
  });
});

/** A record that would follow the last one of a segment. */
function nextRecord(segment: Buffer): Buffer {
  let at = 48;
  let last = at;
  while (at < segment.length) {
    last = at;
    at += 24 + segment.readUInt32BE(at);
  }
  return segment.subarray(last);
}

/** Files on a disk that is full while `isFull` says so: half of a write still gets through. */
function limitedFiles(isFull: () => boolean): Files {
  const full = (): Error => Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  const limit = (file: DurableFile): DurableFile => ({
    ...file,
    write: async (buffers, position) => {
      if (!isFull()) return file.write(buffers, position);
      const bytes = Buffer.concat(buffers);
      await file.write([bytes.subarray(0, bytes.length - 5)], position);
      throw full();
    },
  });
  return { ...realFiles, open: async (path) => limit(await realFiles.open(path)) };
}

test('on a full disk sends are refused, and go on when there is space again', async () => {
  let isFull = false;
  let service = await startHere(limitedFiles(() => isFull));
  const producer = producerAt(service.port);
  const send = (...ids: string[]): Promise<void> =>
    producer.sendBatch(
      ids.map((id) => ({ body: { id } })),
      { partitionId: '0' },
    );
  await send('a', 'b');
  isFull = true;
  for (const attempt of [['c', 'd', 'e'], ['f']]) {
    await expect(send(...attempt)).rejects.toMatchObject({
      code: 'QuotaExceededError',
      message: expect.stringContaining('No space is left') as string,
    });
  }
  expect((await readAll(service.port, '0')).map(idOf)).toEqual(['a', 'b']);
  isFull = false;
  await send('g');
  expect((await readAll(service.port, '0')).map(idOf)).toEqual(['a', 'b', 'g']);
  isFull = true;
  await expect(send('h', 'i')).rejects.toMatchObject({ code: 'QuotaExceededError' });
  await producer.close();
  await service.dispose();
  // What is left of the refused events must not come to life.
  service = await startHere();
  expect((await readAll(service.port, '0')).map(idOf)).toEqual(['a', 'b', 'g']);
  await service.dispose();
});

test('a disk that fills up when a new segment is due refuses, and loses nothing', async () => {
  let isFull = false;
  let service = await startHere(limitedFiles(() => isFull));
  const producer = producerAt(service.port);
  const acknowledged: string[] = [];
  for (let index = 0; index < 40; index += 1) {
    isFull = index % 2 === 1;
    const ids = Array.from({ length: 8 }, (_, event) => `${index}/${event}`);
    const sent = producer.sendBatch(
      ids.map((id) => ({ body: { id, filler: 'z'.repeat(1_500) } })),
      { partitionId: '0' },
    );
    if (isFull) await expect(sent).rejects.toMatchObject({ code: 'QuotaExceededError' });
    else acknowledged.push(...(await sent.then(() => ids)));
  }
  await producer.close();
  await service.dispose();
  service = await startHere();
  expect((await readAll(service.port, '0')).map(idOf)).toEqual(acknowledged);
  expect((await segmentFiles()).length).toBeGreaterThan(1);
  await service.dispose();
});

test('a second endpoint cannot be fooled by a half-made segment', async () => {
  let service = await startHere();
  await fill(service, 1, 10);
  await service.dispose();
  // What a crash leaves between creating a file and syncing its header.
  await (await open(join(dataDir, 'log', '0', '0000000000000010.log'), 'w')).close();
  service = await startHere();
  await fill(service, 1, 10);
  expect(await readAll(service.port, '0')).toHaveLength(20);
  await service.dispose();
});
