import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { startLocalCloud, type LocalCloud, type LocalCloudOptions } from '../../../local/start';
import {
  isAlive,
  removeTemporaryFolders,
  SAMPLE_APP,
  SAMPLE_SETTINGS,
  temporaryFolder,
} from '../../support/functions-host';
import { until } from '../../support/until';

const ANY_PORTS = { blob: 0, eventhubs: 0, cosmos: 0, functions: 0 };
let clouds: LocalCloud[] = [];

async function start(options: Partial<LocalCloudOptions> = {}): Promise<LocalCloud> {
  const cloud = await startLocalCloud({
    appDir: SAMPLE_APP,
    stateDir: temporaryFolder(),
    ports: ANY_PORTS,
    stores: [],
    settings: SAMPLE_SETTINGS,
    workers: 1,
    ...options,
  });
  clouds.push(cloud);
  return cloud;
}

const status = async (url: string, init?: RequestInit): Promise<number> => (await fetch(url, init)).status;
const workerOf = async (cloud: LocalCloud): Promise<number> =>
  Number(await (await fetch(`${cloud.url}/api/pid`)).text());

afterEach(async () => {
  await Promise.all(clouds.map((cloud) => cloud.dispose()));
  clouds = [];
});

afterAll(removeTemporaryFolders);

test('keys are made once, for the owner only, and open the app', async () => {
  const stateDir = join(temporaryFolder(), 'state');
  const first = await start({ stateDir });
  const file = join(stateDir, 'keys.json');
  expect(statSync(stateDir).mode & 0o777).toBe(0o700);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const { keys } = first;
  expect(await status(`${first.url}/api/keyed`)).toBe(401);
  expect(
    await status(`${first.url}/api/keyed`, { headers: { 'x-functions-key': keys.functions.function } }),
  ).toBe(200);
  await first.dispose();

  const second = await start({ stateDir });
  expect(second.keys).toEqual(keys);
  expect([first.isNew, second.isNew]).toEqual([true, false]);
  await second.dispose();
  const third = await start({ stateDir, fresh: true });
  expect(third.keys.functions.master).not.toBe(keys.functions.master);
  expect(third.isNew).toBe(true);
});

test('a second supervisor on the same state is told who holds it', async () => {
  const stateDir = temporaryFolder();
  await start({ stateDir });
  await expect(start({ stateDir })).rejects.toThrow(`Process ${process.pid} already runs the local cloud`);
});

test('a port in use is named, with its service, and nothing is left running', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const { port } = blocker.address() as AddressInfo;
  const stateDir = temporaryFolder();
  await expect(start({ stateDir, ports: { ...ANY_PORTS, functions: port } })).rejects.toThrow(
    `functions did not start: Port ${port}`,
  );
  blocker.close();
  // The lock is free again.
  expect(await status(`${(await start({ stateDir })).url}/api/hello`)).toBe(200);
});

test('a store that cannot start ends all the others, also the host that waits for it', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const { port } = blocker.address() as AddressInfo;
  const ports = { ...ANY_PORTS, blob: port };
  await expect(start({ ports, stores: ['blob', 'cosmos'] })).rejects.toThrow(
    `blob did not start: Port ${port}`,
  );
  blocker.close();
  await until(() => !process.getActiveResourcesInfo().includes('ProcessWrap'));
});

test('a host that is killed comes back on the same port; a worker in an endless loop does not outlive it', async () => {
  const cloud = await start();
  const worker = await workerOf(cloud);
  const { url } = cloud;
  const spinning = fetch(`${url}/api/spins`).catch(() => 'cut off');
  const [before] = cloud.children;
  cloud.kill('functions', 'SIGKILL');
  expect(await spinning).toBe('cut off');
  await until(() => cloud.children.some(({ pid }) => pid !== before?.pid));
  await cloud.ready('functions');
  expect(cloud.url).toBe(url);
  expect(await workerOf(cloud)).not.toBe(worker);
  await until(() => !isAlive(worker));
});

test('dispose ends every process', async () => {
  const cloud = await start();
  const pids = [await workerOf(cloud), ...cloud.children.map(({ pid }) => pid)];
  await cloud.dispose();
  await until(() => pids.every((pid) => !isAlive(pid)));
});

describe('clearing the state', () => {
  test('only touches what is ours', async () => {
    const stateDir = temporaryFolder();
    await (await start({ stateDir })).dispose();
    const outside = temporaryFolder();
    writeFileSync(join(outside, 'precious'), '');
    symlinkSync(outside, join(stateDir, 'blob'));
    writeFileSync(join(stateDir, 'notes.txt'), 'mine');
    await start({ stateDir, fresh: true });
    expect(existsSync(join(outside, 'precious'))).toBe(true);
    expect(existsSync(join(stateDir, 'blob'))).toBe(false);
    expect(readFileSync(join(stateDir, 'notes.txt'), 'utf8')).toBe('mine');
  });

  test('a folder with other content is refused', async () => {
    const stateDir = temporaryFolder();
    writeFileSync(join(stateDir, 'thesis.txt'), '');
    await expect(start({ stateDir, fresh: true })).rejects.toThrow('holds no local cloud');
    await expect(start({ stateDir })).rejects.toThrow('holds no local cloud');
  });

  test('a folder that lost its keys, or is a link, is not cleared', async () => {
    const stateDir = temporaryFolder();
    mkdirSync(join(stateDir, 'blob'));
    await expect(start({ stateDir, fresh: true })).rejects.toThrow('does not look like a local cloud');
    const link = join(temporaryFolder(), 'link');
    symlinkSync(stateDir, link);
    await expect(start({ stateDir: link, fresh: true })).rejects.toThrow('symbolic link');
  });

  test('damaged keys are an error, not a reason for new ones', async () => {
    const stateDir = temporaryFolder();
    writeFileSync(join(stateDir, 'keys.json'), '{"kind":');
    await expect(start({ stateDir })).rejects.toThrow('damaged');
    expect(readFileSync(join(stateDir, 'keys.json'), 'utf8')).toBe('{"kind":');
  });
});

test('when the supervisor is killed its children end, and the next one takes the state over', async () => {
  const stateDir = temporaryFolder();
  const supervisor: ChildProcess = fork(resolve(__dirname, '../../../build/test/support/run-cloud.js'), [], {
    env: {
      ...process.env,
      CLOUD: JSON.stringify({
        appDir: SAMPLE_APP,
        stateDir,
        ports: ANY_PORTS,
        stores: [],
        settings: SAMPLE_SETTINGS,
      }),
    },
  });
  const [started] = (await once(supervisor, 'message')) as [{ pids: number[] }];
  supervisor.kill('SIGKILL');
  await once(supervisor, 'exit');
  const cloud = await start({ stateDir });
  await until(() => !started.pids.some(isAlive));
  expect(await status(`${cloud.url}/api/hello`)).toBe(200);
});

test('Ctrl-C ends everything and is no failure', async () => {
  const supervisor = fork(resolve(__dirname, '../../../build/test/support/run-cloud.js'), [], {
    env: {
      ...process.env,
      CLOUD: JSON.stringify({
        appDir: SAMPLE_APP,
        stateDir: temporaryFolder(),
        ports: ANY_PORTS,
        stores: [],
        settings: SAMPLE_SETTINGS,
      }),
    },
  });
  const [started] = (await once(supervisor, 'message')) as [{ pids: number[] }];
  supervisor.kill('SIGINT');
  expect(await once(supervisor, 'exit')).toEqual([0, null]);
  expect(started.pids.filter(isAlive)).toEqual([]);
});
