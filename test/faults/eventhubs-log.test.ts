import { open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReceivedEventData } from '@azure/event-hubs';
import { type DurableFile, type Files, realFiles } from '../../local/shared/files';
import { Endpoint, receiveAll } from '../conformance/eventhubs/support';

const HUBS = { orders: { partitions: 1 } };
/** Small, so that a few sends make several segments. */
const SEGMENT_BYTES = 96 * 1024;

let endpoint: Endpoint;
/** Whether the disk is full. */
let isFull: boolean;
beforeEach(async () => {
  isFull = false;
  endpoint = await Endpoint.start({
    hubs: HUBS,
    segmentBytes: SEGMENT_BYTES,
    files: limitedFiles(() => isFull),
  });
});
afterEach(() => endpoint.dispose());

function readAll(): Promise<ReceivedEventData[]> {
  return receiveAll(endpoint, '0');
}

function idOf({ body }: { body: unknown }): string {
  return (body as { id: string }).id;
}

async function fill(batches: number, bodySize: number): Promise<void> {
  const producer = endpoint.producer();
  for (let batch = 0; batch < batches; batch += 1) {
    const events = Array.from({ length: 10 }, (_, index) => ({
      body: { id: batch * 10 + index, filler: 'y'.repeat(bodySize) },
    }));
    await producer.sendBatch(events, { partitionId: '0' });
  }
}

async function segmentFiles(): Promise<string[]> {
  const folder = join(endpoint.dataDir, 'orders', '0');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.log')).sort();
  return names.map((name) => join(folder, name));
}

describe('a damaged log', () => {
  test('a torn write at the end of the newest segment is cut off', async () => {
    await fill(2, 100);
    await endpoint.stop();
    const [path = ''] = await segmentFiles();
    const whole = await readFile(path);
    for (const torn of [1, 24, 150]) {
      // The beginning of one more event, as a crash in the middle of a write leaves it.
      await writeFile(path, Buffer.concat([whole, nextRecord(whole).subarray(0, torn)]));
      await endpoint.start();
      expect((await readAll()).map((event) => idOf(event))).toEqual(
        Array.from({ length: 20 }, (_, id) => id),
      );
      await endpoint.stop();
      expect((await readFile(path)).equals(whole)).toBe(true);
    }
    await endpoint.start();
    await fill(1, 100);
    expect((await readAll()).map(({ sequenceNumber }) => sequenceNumber)).toEqual(
      Array.from({ length: 30 }, (_, id) => id),
    );
  });

  test('bytes missing at the end are cut back to whole sends when nothing shows that they were acknowledged', async () => {
    await fill(2, 100);
    await endpoint.stop();
    const [path = ''] = await segmentFiles();
    await rm(join(endpoint.dataDir, 'orders', '0', 'acknowledged'));
    await truncate(path, (await readFile(path)).length - 10);
    await endpoint.start();
    expect((await readAll()).map((event) => idOf(event))).toEqual(Array.from({ length: 10 }, (_, id) => id));
  });

  test('missing events that were acknowledged are an error', async () => {
    await fill(2, 100);
    await endpoint.stop();
    const [path = ''] = await segmentFiles();
    const size = (await readFile(path)).length;
    await truncate(path, size - 10);
    await expect(endpoint.start()).rejects.toThrow(path);
  });

  test.each([
    ['the only segment', 2, 100],
    ['an older segment', 20, 1_200],
  ])(
    'a flipped byte in the middle of %s is an error that names file and position',
    async (_, batches, bodySize) => {
      await fill(batches, bodySize);
      await endpoint.stop();
      const [path = ''] = await segmentFiles();
      const bytes = await readFile(path);
      for (const at of [Math.floor(bytes.length / 2), bytes.length - 2, 60, 20]) {
        const damaged = Buffer.from(bytes);
        damaged.writeUInt8(damaged.readUInt8(at) ^ 0x10, at);
        await writeFile(path, damaged);
        const message = await endpoint.start().then(
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
      await endpoint.start();
    },
  );

  test('a missing segment is an error', async () => {
    await fill(20, 1_200);
    await endpoint.stop();
    const paths = await segmentFiles();
    expect(paths.length).toBeGreaterThan(2);
    await rm(paths[1] ?? '');
    await expect(endpoint.start()).rejects.toThrow(paths[2]);
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
  const producer = endpoint.producer();
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
  expect((await readAll()).map(idOf)).toEqual(['a', 'b']);
  isFull = false;
  await send('g');
  expect((await readAll()).map(idOf)).toEqual(['a', 'b', 'g']);
  isFull = true;
  await expect(send('h', 'i')).rejects.toMatchObject({ code: 'QuotaExceededError' });
  await endpoint.stop();
  // What is left of the refused events must not come to life.
  await endpoint.start();
  expect((await readAll()).map(idOf)).toEqual(['a', 'b', 'g']);
});

test('a disk that fills up when a new segment is due refuses, and loses nothing', async () => {
  const producer = endpoint.producer();
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
  await endpoint.stop();
  await endpoint.start();
  expect((await readAll()).map(idOf)).toEqual(acknowledged);
  expect((await segmentFiles()).length).toBeGreaterThan(1);
});

test('a second endpoint cannot be fooled by a half-made segment', async () => {
  await fill(1, 10);
  await endpoint.stop();
  // What a crash leaves between creating a file and syncing its header.
  await (await open(join(endpoint.dataDir, 'orders', '0', '0000000000000010.log'), 'w')).close();
  await endpoint.start();
  await fill(1, 10);
  expect(await readAll()).toHaveLength(20);
});

test('an error when an old segment is closed does not lead events into it again', async () => {
  await fill(1, 10);
  const { lastEnqueuedOnUtc } = await endpoint.producer().getPartitionProperties('0');
  while (Date.now() <= lastEnqueuedOnUtc.getTime() + 1) await new Promise((resolve) => setImmediate(resolve));
  await endpoint.stop();
  // The first time it is closed by the check at the start, the second time because all of it has expired.
  await endpoint.start({ retentionMs: 1, files: filesThatFailToClose('0000000000000000.log', 2) });
  await endpoint.producer().sendBatch([{ body: { id: 'after' } }], { partitionId: '0' });
  await endpoint.stop();
  await endpoint.start();
  expect((await readAll()).map(idOf)).toContain('after');
});

function filesThatFailToClose(name: string, time: number): Files {
  let closed = 0;
  return {
    ...realFiles,
    open: async (path) => {
      const file = await realFiles.open(path);
      const close = async (): Promise<void> => {
        await file.close();
        if (path.endsWith(name) && ++closed === time) throw new Error('EIO: i/o error, close');
      };
      return { ...file, close };
    },
  };
}
