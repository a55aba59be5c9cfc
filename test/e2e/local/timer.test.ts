import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { removeTemporaryFolders, startSampleHost, temporaryFolder } from '../../support/functions-host';

interface Run {
  name: string;
  timer: { isPastDue: boolean; scheduleStatus: { last: string; next: string } };
  retry?: { retryCount: number; maxRetryCount: number };
}

/** Where the sample app's timers report to. */
class Sink {
  readonly runs: Run[] = [];
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      void text(request).then((body) => {
        this.runs.push(JSON.parse(body) as Run);
        response.end();
        this.server.emit('run');
      });
    });
  }

  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Waits until the timer has run so often. */
  async wait(name: string, count: number): Promise<Run[]> {
    for (;;) {
      const runs = this.runs.filter((run) => run.name === name);
      if (runs.length >= count) return runs;
      await once(this.server, 'run');
    }
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

let sink: Sink;
let url: string;

beforeEach(async () => {
  sink = new Sink();
  url = await sink.start();
});

afterEach(() => {
  jest.useRealTimers();
  sink.close();
  removeTemporaryFolders();
});

test('timers run at their time, at the start if asked to, and are retried', async () => {
  const host = await startSampleHost({ environment: { TIMER_SINK: url } });
  const [second] = await sink.wait('everySecond', 1);
  const retried = await sink.wait('retried', 2);
  await host.dispose();
  expect(second?.timer.isPastDue).toBe(false);
  expect(retried.map((run) => run.retry)).toEqual([
    { retryCount: 0, maxRetryCount: 4 },
    { retryCount: 1, maxRetryCount: 4 },
  ]);
  expect(sink.runs.filter((run) => run.name === 'yearly')).toEqual([]);
});

test('an occurrence missed while the host was down runs once at the next start, and is past due', async () => {
  const dataDir = temporaryFolder();
  const doNotFake = ['hrtime', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate', 'clearImmediate'];
  const timers = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'];
  const yearAgo = Date.now() - 400 * 86_400_000;
  jest.useFakeTimers({ doNotFake: [...doNotFake, ...timers] as never[], now: yearAgo });
  const first = await startSampleHost({ dataDir });
  await first.dispose();
  jest.useRealTimers();

  const second = await startSampleHost({ dataDir, environment: { TIMER_SINK: url } });
  const [run] = await sink.wait('yearly', 1);
  await sink.wait('everySecond', 1);
  await second.dispose();
  expect(run?.timer.isPastDue).toBe(true);
  expect(sink.runs.filter(({ name }) => name === 'yearly')).toHaveLength(1);

  sink.runs.length = 0;
  const third = await startSampleHost({ dataDir, environment: { TIMER_SINK: url } });
  await sink.wait('everySecond', 1);
  await third.dispose();
  expect(sink.runs.filter(({ name }) => name === 'yearly')).toEqual([]);
});
