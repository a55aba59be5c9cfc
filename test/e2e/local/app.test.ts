import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copySampleApp, removeTemporaryFolders, startSampleHost } from '../../support/functions-host';

type Host = Awaited<ReturnType<typeof startSampleHost>>;
let host: Host | undefined;

afterEach(async () => {
  await host?.dispose();
  host = undefined;
  removeTemporaryFolders();
});

const get = async (path: string): Promise<[number, string]> => {
  const response = await fetch(`${host?.url}${path}`);
  return [response.status, await response.text()];
};

test('host.json: an empty route prefix, and a limit of requests under way', async () => {
  const appDir = copySampleApp({ extensions: { http: { routePrefix: '', maxOutstandingRequests: 1 } } });
  host = await startSampleHost({ appDir });
  expect(await get('/hello?name=x')).toEqual([200, 'Hello x']);
  expect((await get('/api/hello?name=x'))[0]).toBe(404);
  const hanging = get('/hangs');
  // The order in which two connections are served is not certain; that one of them is refused, is.
  let status = 200;
  while (status === 200) [status] = await get('/hello?name=x');
  expect(status).toBe(429);
  for (const pid of host.workerPids) process.kill(pid, 'SIGKILL');
  expect(await hanging).toEqual([500, '']);
});

test('local.settings.json: its values are settings, those given win', async () => {
  const appDir = copySampleApp();
  const values = { Values: { ONE: 'file', TWO: 'file', FUNCTIONS_WORKER_PROCESS_COUNT: '2' } };
  writeFileSync(join(appDir, 'local.settings.json'), JSON.stringify(values));
  host = await startSampleHost({ appDir, workers: undefined, environment: { TWO: 'given' } });
  expect(await get('/api/environment?name=ONE')).toEqual([200, 'file']);
  expect(await get('/api/environment?name=TWO')).toEqual([200, 'given']);
  expect(host.workerPids).toHaveLength(2);
});

test.each([
  ['{', 'cannot be read'],
  ['{"functionTimeout":"soon"}', 'functionTimeout'],
  ['{"extensions":{"http":{"routePrefix":1}}}', 'routePrefix'],
  ['{"extensions":{"durableTask":{"hubName":"../up"}}}', 'hub name'],
])('host.json %s is refused at the start', async (text, cause) => {
  const appDir = copySampleApp();
  writeFileSync(join(appDir, 'host.json'), text);
  await expect(startSampleHost({ appDir })).rejects.toThrow(cause);
});

test('an app of ES modules loads, with its hooks', async () => {
  const appDir = copySampleApp();
  writeFileSync(join(appDir, 'package.json'), '{"type":"module","main":"dist/{a,b}.mjs"}');
  const code = `
    import { app } from '@azure/functions';
    const started = await Promise.resolve([]);
    app.hook.appStart(() => void started.push('appStart'));
    app.hook.preInvocation((context) => void context.invocationContext.extraInputs.set('seen', 'pre'));
    app.hook.postInvocation((context) => {
      context.result = { body: [...started, context.result.body, context.invocationContext.extraInputs.get('seen')].join() };
    });
    app.http('hooked', { handler: () => ({ body: 'handler' }) });`;
  mkdirSync(join(appDir, 'dist'));
  writeFileSync(join(appDir, 'dist', 'a.mjs'), code);
  host = await startSampleHost({ appDir });
  expect(await get('/api/hooked')).toEqual([200, 'appStart,handler,pre']);
});
