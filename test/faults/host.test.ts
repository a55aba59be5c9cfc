import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  copySampleApp,
  isAlive,
  KEYS,
  removeTemporaryFolders,
  startSampleHost,
} from '../support/functions-host';
import { until } from '../support/until';
import { Sink } from '../support/sink';

type Host = Awaited<ReturnType<typeof startSampleHost>>;
let host: Host;
let sink: Sink<{ name: string; pid: number }>;

beforeEach(() => {
  sink = new Sink();
});

afterEach(async () => {
  sink.close();
  await host.dispose();
});

afterAll(removeTemporaryFolders);

const get = async (path: string): Promise<[number, string]> => {
  const response = await fetch(host.url + path);
  return [response.status, await response.text()];
};

describe('user code that takes its worker down', () => {
  test.each(['exits', 'crashes'])('%s: that request fails, the next one is served', async (name) => {
    host = await startSampleHost();
    const [pid] = host.workerPids;
    expect(await get(`/api/${name}`)).toEqual([500, '']);
    const [status, next] = await get('/api/pid');
    expect(status).toBe(200);
    expect(Number(next)).not.toBe(pid);
  });

  test.each(['spins', 'hangs'])('%s past functionTimeout: the worker is replaced', async (name) => {
    const appDir = copySampleApp({ functionTimeout: '00:00:01' });
    host = await startSampleHost({ appDir });
    expect(await get(`/api/${name}`)).toEqual([500, '']);
    expect(await get('/api/hello?name=x')).toEqual([200, 'Hello x']);
  });

  test('a killed worker fails what it held and nothing else', async () => {
    host = await startSampleHost({ workers: 2, environment: { SINK: await sink.start() } });
    // A timer may hold a worker for a moment: then the next request goes to the same one as the first.
    const calls: ReturnType<typeof get>[] = [];
    let pids: number[] = [];
    while (new Set(pids).size < 2 && calls.length < 6) {
      calls.push(get('/api/hangs'));
      pids = (await sink.wait('hangs', calls.length)).map(({ pid }) => pid);
    }
    const victim = pids[0] as number;
    const survivor = pids.find((pid) => pid !== victim) as number;
    const heldBy = (worker: number) => calls.filter((_, at) => pids[at] === worker);
    process.kill(victim, 'SIGKILL');
    for (const answer of await Promise.all(heldBy(victim))) expect(answer).toEqual([500, '']);
    expect((await get('/api/pid'))[0]).toBe(200);
    process.kill(survivor, 'SIGKILL');
    for (const answer of await Promise.all(heldBy(survivor))) expect(answer).toEqual([500, '']);
    expect((await get('/api/pid'))[0]).toBe(200);
  });
});

describe('an app that does not load', () => {
  test('leaves the host alive and its cause visible, and is tried again', async () => {
    const appDir = copySampleApp();
    const broken = join(appDir, 'src', 'broken.js');
    writeFileSync(broken, 'throw new Error("this build is broken");');
    host = await startSampleHost({ appDir });
    const [status, body] = await get('/api/hello?name=x');
    expect([status, JSON.parse(body)]).toEqual([
      503,
      expect.objectContaining({ detail: expect.stringContaining('this build is broken') }),
    ]);
    expect(await get(`/admin/host/status?code=${KEYS.master}`)).toEqual([
      200,
      expect.stringContaining('this build is broken'),
    ]);

    rmSync(broken);
    await until(async () => (await get('/api/hello?name=x'))[0] === 200);
  });

  test.each([
    ['no package.json', 'package.json', undefined, 'package.json'],
    ['no main', 'package.json', '{}', 'has no "main"'],
    ['a main that matches nothing', 'package.json', '{"main":"dist/{a,b}.js"}', 'No file matches'],
  ])('names the cause: %s', async (_what, file, content, cause) => {
    const appDir = copySampleApp();
    if (content === undefined) rmSync(join(appDir, file));
    else writeFileSync(join(appDir, file), content);
    host = await startSampleHost({ appDir });
    expect(await get('/api/hello')).toEqual([
      503,
      expect.stringContaining(JSON.stringify(cause).slice(1, -1)),
    ]);
  });
});

test('after a rebuild no worker serves the old build', async () => {
  const appDir = copySampleApp();
  host = await startSampleHost({ appDir, workers: 2 });
  const before = host.workerPids;
  const code = `require('@azure/functions').app.http('added', { handler: () => ({ body: String(process.pid) }) });`;
  writeFileSync(join(appDir, 'src', 'added.js'), code);
  expect((await get('/api/added'))[0]).toBe(404);

  process.kill(before[0] as number, 'SIGKILL');
  await until(async () => (await get('/api/added'))[0] === 200);
  await until(() => before.every((pid) => !isAlive(pid)));
  const answers = await Promise.all([get('/api/added'), get('/api/added'), get('/api/added')]);
  expect(answers.map(([status]) => status)).toEqual([200, 200, 200]);
});

describe('durable work', () => {
  const json = (body: unknown): RequestInit => ({ method: 'POST', body: JSON.stringify(body) });
  const managed = (path: string): string =>
    `${host.url}/runtime/webhooks/durabletask/${path}${path.includes('?') ? '&' : '?'}code=${KEYS.system}`;

  test.each(['exitOnce', 'spinOnce'])(
    'an activity whose worker is lost (%s) is run again',
    async (activity) => {
      const appDir = copySampleApp({ functionTimeout: '00:00:01' });
      host = await startSampleHost({ appDir });
      const input = { activity, input: join(appDir, 'ran-once') };
      const response = await fetch(managed('orchestrators/call?timeout=30&pollingInterval=1'), json(input));
      expect(await response.json()).toBe('second time');
    },
  );

  test('instances go on in another worker, and after the host was started again', async () => {
    host = await startSampleHost({ workers: 2 });
    const { dataDir } = host;
    // Many at once: a new worker then replays them all in one go.
    const first = 'first';
    const others = Array.from({ length: 20 }, (_, index) => `other-${index}`);
    for (const id of [first, ...others]) {
      expect((await fetch(managed(`orchestrators/waits/${id}`), json(null))).status).toBe(202);
    }
    const history = async (id: string): Promise<string> =>
      (await fetch(managed(`instances/${id}?showHistory=true`))).text();
    for (const id of others) await until(async () => (await history(id)).includes('TaskCompleted'));
    // Every generator that a worker kept is gone now.
    const killWorkers = (): void => host.workerPids.forEach((pid) => void process.kill(pid, 'SIGKILL'));
    killWorkers();
    const raise = (id: string): Promise<Response> =>
      fetch(managed(`instances/${id}/raiseEvent/go`), {
        ...json(id),
        headers: { 'content-type': 'application/json' },
      });
    const outcome = async (id: string): Promise<unknown> => {
      for (;;) {
        const response = await fetch(managed(`instances/${id}`));
        const { output } = (await response.json()) as { output: unknown };
        if (response.status === 200) return output;
      }
    };
    expect((await raise(first)).status).toBe(202);
    expect(await outcome(first)).toEqual(['Hello before', first, 'Hello after']);

    killWorkers();
    await Promise.all(others.map(raise));
    await host.dispose();
    host = await startSampleHost({ dataDir, workers: 1 });
    expect(await Promise.all(others.map(outcome))).toEqual(
      others.map((id) => ['Hello before', id, 'Hello after']),
    );
  });
});
