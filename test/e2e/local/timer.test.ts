import { removeTemporaryFolders, startSampleHost, temporaryFolder } from '../../support/functions-host';
import { Sink } from '../../support/sink';

interface Run {
  name: string;
  timer: { isPastDue: boolean; scheduleStatus: { last: string; next: string } };
  retry?: { retryCount: number; maxRetryCount: number };
}

let sink: Sink<Run>;
let url: string;

beforeEach(async () => {
  sink = new Sink<Run>();
  url = await sink.start();
});

afterEach(() => {
  jest.useRealTimers();
  sink.close();
  removeTemporaryFolders();
});

test('timers run at their time, at the start if asked to, and are retried', async () => {
  const host = await startSampleHost({ environment: { SINK: url } });
  const [second] = await sink.wait('everySecond', 1);
  const retried = await sink.wait('retried', 2);
  await host.dispose();
  expect(second?.timer.isPastDue).toBe(false);
  expect(retried.map((run) => run.retry)).toEqual([
    { retryCount: 0, maxRetryCount: 4 },
    { retryCount: 1, maxRetryCount: 4 },
  ]);
  expect(sink.reports.filter((run) => run.name === 'yearly')).toEqual([]);
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

  const second = await startSampleHost({ dataDir, environment: { SINK: url } });
  const [run] = await sink.wait('yearly', 1);
  await sink.wait('everySecond', 1);
  await second.dispose();
  expect(run?.timer.isPastDue).toBe(true);
  expect(sink.reports.filter(({ name }) => name === 'yearly')).toHaveLength(1);

  sink.reports.length = 0;
  const third = await startSampleHost({ dataDir, environment: { SINK: url } });
  await sink.wait('everySecond', 1);
  await third.dispose();
  expect(sink.reports.filter(({ name }) => name === 'yearly')).toEqual([]);
});
