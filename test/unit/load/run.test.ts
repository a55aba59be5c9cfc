import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readLog, type LogLine } from '../../../tools/lib/load/log';
import type { LoadOptions, LoadResult, Second } from '../../../tools/lib/load/options';
import { productRecords } from '../../../tools/lib/load/records';
import { generateLoad } from '../../../tools/lib/load/run';
import { Door, type Whim } from './door';

const folder = mkdtempSync(join(tmpdir(), 'headwater-load-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = join(folder, 'load.log');

async function load(door: Door, options: Partial<LoadOptions> = {}): Promise<LoadResult> {
  const to = await door.open();
  try {
    return await generateLoad({
      to,
      key: 'k',
      dataset: 'products',
      rate: 200,
      connections: 4,
      duration: 0.2,
      seed: 7,
      ids: 50,
      log: file,
      ...options,
    });
  } finally {
    door.close();
  }
}

async function logged(): Promise<{ begin: number; lines: LogLine[] }> {
  const { header, lines } = await readLog(file);
  return { begin: header.begin, lines: await Array.fromAsync(lines) };
}

test('every record is sent once, over the connections it was given, and the log says which is which', async () => {
  const door = new Door();
  const result = await load(door);
  expect(result).toMatchObject({ due: 40, accepted: 40, retried: 0, unanswered: 0, statuses: { 202: 40 } });
  expect(door.connections).toBe(4);
  expect(new Set(door.seen.map(({ path, key, contentType }) => `${path} ${key} ${contentType}`))).toEqual(
    new Set(['/api/datasets/products/records k application/json']),
  );
  const { header } = await readLog(file);
  const records = productRecords(header);
  const { lines } = await logged();
  expect(lines.map(({ index }) => index).sort((a, b) => a - b)).toEqual([...Array(40).keys()]);
  for (const line of lines) {
    const { body } = door.seen[door.ids.indexOf(line.kind === 'accepted' ? line.id : '')] ?? {};
    expect(body).toBe(records.bodyOf(line.index));
  }
});

/** Holds back every request that comes within the stalls, which the server keeps note of. */
function stalling(
  everyMs: number,
  stallMs: number,
): { whim: Whim; stalls: { begin: number; end: number }[]; stop: () => void } {
  const stalls: { begin: number; end: number }[] = [];
  let held: (() => void)[] | undefined;
  let ids = 0;
  const accept = (response: Parameters<Whim>[1]): unknown =>
    response.writeHead(202).end(JSON.stringify({ id: `r${ids++}` }));
  const begin = (): void => {
    held = [];
    stalls.push({ begin: performance.now(), end: Infinity });
    setTimeout(() => {
      (stalls.at(-1) as { end: number }).end = performance.now();
      const waiting = held ?? [];
      held = undefined;
      for (const answer of waiting) answer();
    }, stallMs);
  };
  const timer = setInterval(begin, everyMs);
  return {
    stalls,
    stop: () => clearInterval(timer),
    whim: (_, response) => {
      held?.push(() => accept(response));
      return held !== undefined;
    },
  };
}

test('who would have come during a stall is charged for it, also when no connection was free', async () => {
  const STALL_MS = 200;
  const { whim, stalls, stop } = stalling(1_000, STALL_MS);
  const rate = 400;
  const result = await load(new Door(whim), { rate, duration: 2.4, connections: 5 }).finally(stop);
  const { begin, lines } = await logged();
  expect(stalls).toHaveLength(2);
  expect(result).toMatchObject({ accepted: 960, retried: 0 });
  const start = begin - performance.timeOrigin;
  /** What a record must at least have waited, by the server's own clock. */
  const least = (index: number): number => {
    const due = start + (index * 1_000) / rate;
    const stall = stalls.find(({ begin, end }) => due >= begin && due < end);
    return stall ? stall.end - due : 0;
  };
  const waited = lines.map((line) => (line.kind === 'accepted' ? line.at : 0) - (line.index * 1_000) / rate);
  // The log is in whole ms.
  lines.forEach(({ index }, at) => expect((waited[at] as number) + 1).toBeGreaterThanOrEqual(least(index)));
  // A sixth of all were due in a stall, 80 in each: a closed loop would have seen only the five that were under way.
  const stalled = lines.filter(({ index }) => least(index) > 0);
  expect(stalled.length).toBeGreaterThan(120);
  // The slowest hundredth are those of the first tenth of each stall.
  const charged = lines.map(({ index }) => least(index)).sort((a, b) => a - b);
  const percentile = (share: number): number => charged[Math.ceil(charged.length * share) - 1] as number;
  expect(result.latency?.p99).toBeGreaterThanOrEqual(percentile(0.99) - 1);
  expect(result.latency?.p99).toBeGreaterThan(STALL_MS * 0.8);
  expect(result.latency?.max).toBeGreaterThanOrEqual(percentile(1) - 1);
  // And those that were due in none are not.
  expect(result.latency?.p50).toBeLessThan(STALL_MS / 2);
});

test('a refused record comes again when it was told to, and its time goes on', async () => {
  const refused = new Map<string, number>();
  const door = new Door(({ body, at }, response) => {
    if (refused.has(body) || refused.size === 3) return false;
    refused.set(body, at);
    const status = [429, 503, 500][refused.size - 1] as number;
    response.writeHead(status, status === 500 ? {} : { 'Retry-After': '1' }).end('{}');
    return true;
  });
  const result = await load(door);
  expect(result).toMatchObject({
    accepted: 40,
    refused: 2,
    serverErrors: 1,
    retried: 3,
    statuses: { 202: 40, 429: 1, 500: 1, 503: 1 },
  });
  for (const [body, first] of refused) {
    const second = door.seen.findLast((seen) => seen.body === body)?.at ?? 0;
    expect(second - first).toBeGreaterThanOrEqual(990);
  }
  expect(result.latency?.max).toBeGreaterThanOrEqual(990);
  // A 429 has stored nothing; of the others nobody knows.
  const { lines } = await logged();
  expect(lines.filter(({ kind }) => kind === 'unknown')).toHaveLength(2);
});

test('a lost connection is made again, its record sent again, and the log names it', async () => {
  let lost: string | undefined;
  const door = new Door(({ body }, response, request) => {
    if (lost !== undefined) return false;
    lost = body;
    // It was accepted, and nobody knows.
    door.ids.push('unknown');
    request.socket.destroy();
    response.destroy();
    return true;
  });
  const result = await load(door);
  expect(result).toMatchObject({ accepted: 40, lost: 1, retried: 1 });
  expect(door.seen.filter(({ body }) => body === lost)).toHaveLength(2);
  const { header } = await readLog(file);
  const { lines } = await logged();
  const named = lines.filter(({ kind }) => kind === 'unknown');
  expect(named.map(({ index }) => productRecords(header).bodyOf(index))).toEqual([lost]);
});

test('what will never be accepted fails, what is never answered has waited to the end', async () => {
  let count = 0;
  const door = new Door((_, response) => {
    count++;
    if (count === 1) response.writeHead(400).end('{"code":"invalid-records"}');
    if (count === 2) response.writeHead(202).end('not of the door');
    return count <= 3;
  });
  const result = await load(door, { graceMs: 500 });
  expect(result).toMatchObject({ due: 40, accepted: 37, failed: 2, unanswered: 1 });
  expect(result.firstFailure).toContain('invalid-records');
  expect(result.latency?.max).toBeGreaterThan(500);
  // What was sent and never answered may be there.
  expect((await logged()).lines.filter(({ kind }) => kind === 'unknown')).toHaveLength(1);
});

test('nobody listens: nothing is lost, and nobody is knocked at without end', async () => {
  const door = new Door();
  const to = await door.open();
  door.close();
  const result = await generateLoad({
    to,
    key: 'k',
    dataset: 'products',
    rate: 100,
    connections: 3,
    duration: 0.2,
    seed: 1,
    ids: 9,
    graceMs: 100,
  });
  expect(result).toMatchObject({ due: 20, accepted: 0, lost: 0, unanswered: 20 });
  // Each connection at once, and then every 250 ms.
  expect(result.unconnected).toBeLessThanOrEqual(6);
});

test('each second is told by itself', async () => {
  const seconds: Second[] = [];
  await load(new Door(), { duration: 1.2, onSecond: (second) => seconds.push(second) });
  expect(seconds).toMatchObject([{ second: 1, refused: 0, errors: 0 }]);
  expect(seconds[0]?.p50).not.toBeNull();
  expect(seconds[0]?.accepted).toBeLessThan(240);
});

test('an end from outside', async () => {
  const stop = new AbortController();
  const door = new Door(() => {
    stop.abort();
    return true;
  });
  const result = await load(door, { duration: 100, signal: stop.signal });
  expect(result.accepted).toBe(0);
  expect(result.unanswered).toBe(result.due);
  expect(result.due).toBeLessThan(20_000);
});
