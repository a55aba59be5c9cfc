import { setImmediate } from 'node:timers/promises';
import { Worker as Thread } from 'node:worker_threads';
import { AppRegistry, injectCoreApi, type LogLevel, type RegisteredFunction } from './core-api';
import { Batch } from './batch';
import { describeError, Invoker } from './invoke';
import { onLoopback } from './loopback';
import { appEntries, buildIdentity, loadEntry } from './load-app';
import type { FromWorker, Invocation, InvocationReply, LoadedApp, LoadOptions, ToWorker } from './protocol';
import type { EpisodeMessage, EpisodeReply, InvokeOrchestrator } from '../durable/runner';
import { createEpisodeRunner } from '../durable/worker';
import { log } from '../shared/log';

/** Entry point of a worker process: loads the app and runs its functions. */

type RunEpisode = (name: string, message: EpisodeMessage) => Promise<EpisodeReply>;

const SHOWN: ReadonlySet<LogLevel> = new Set(['information', 'warning', 'error', 'critical']);

const registry = new AppRegistry((level, message) => {
  if (SHOWN.has(level)) log('app', level === 'information' ? message : `${level}: ${message}`);
});
const textDecoder = new TextDecoder();
const replies = new Batch<InvocationReply>((batch) => send(batch));
let invoker: Invoker | undefined;
let runEpisode: RunEpisode | undefined;
let watched = false;
let firstOnes: Promise<void> = Promise.resolve();

function send(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

function find(name: string): RegisteredFunction {
  const fn = registry.functions.get(name.toLowerCase());
  if (!fn) throw new Error(`The app has no function named "${name}".`);
  return fn;
}

async function load(options: LoadOptions): Promise<LoadedApp> {
  const entries = appEntries(options.appDir);
  const build = buildIdentity(options.appDir, entries);
  injectCoreApi(registry);
  for (const entry of entries) await loadEntry(entry);
  if (!registry.model) throw new Error('The app registered no function with @azure/functions v4.');
  const { model } = registry;
  const capabilities = await onLoopback(() => model.getCapabilities({}));
  await registry.runHooks('appStart', { hookData: {} });
  registry.locked = true;
  invoker = new Invoker(registry, registry.model, options.durableClientData);
  runEpisode = createEpisodeRunner(invokeOrchestrator, { maxKeptGenerators: options.maxKeptGenerators });
  await warmUp();
  return { functions: [...registry.functions.values()].map(plainMetadata), capabilities, build };
}

const runOrchestrator: InvokeOrchestrator = async (name, triggerPayload) => {
  const outcome = await ready().invoke(find(name), {}, { string: triggerPayload });
  if (!outcome.ok) return outcome;
  const { returned, context } = outcome;
  // The SDK's handler returns an object; anything else would be a handler that is no orchestrator.
  const text = returned && 'json' in returned ? returned.json : undefined;
  if (text === undefined) return { ok: false, error: new Error(`"${name}" returned no state.`), context };
  return { ok: true, returned: text, context };
};

/**
 * The durable engine begins to watch the SDK's executors when the first invocation has returned, and takes it that
 * it has seen everything of later ones. Invocations that overlapped with that first one would be misjudged as
 * non-deterministic: until one has returned, they run one after the other.
 */
const invokeOrchestrator: InvokeOrchestrator = (name, triggerPayload) => {
  if (watched) return runOrchestrator(name, triggerPayload);
  const turn = firstOnes.then(() => runOrchestrator(name, triggerPayload));
  firstOnes = turn
    .then(
      ({ ok }) => ok,
      () => false,
    )
    .then(async (ok) => {
      await setImmediate();
      watched ||= ok;
    });
  return turn;
};

/** Metadata may hold anything the app wrote into its options; only plain data can travel. */
function plainMetadata({ metadata }: RegisteredFunction): LoadedApp['functions'][number] {
  return JSON.parse(JSON.stringify(metadata)) as LoadedApp['functions'][number];
}

/** The first `Request` and `Response` of a process cost tens of milliseconds: no caller shall wait for that. */
async function warmUp(): Promise<void> {
  await new Request('http://127.0.0.1/', { method: 'POST', body: Buffer.from('{}') }).json();
  await new Response('{}', { headers: { 'content-type': 'application/json' } }).arrayBuffer();
}

async function answer(invocation: Invocation): Promise<InvocationReply> {
  const { id, name, trigger } = invocation;
  try {
    if ('episode' in trigger) {
      if (!runEpisode) throw new Error('This worker runs no orchestrations.');
      return { id, ok: true, returned: { episode: await runEpisode(name, trigger.episode) } };
    }
    const value = 'utf8' in trigger ? { json: textDecoder.decode(trigger.utf8) } : trigger;
    const outcome = await ready().invoke(find(name), invocation, value);
    if (outcome.ok) {
      const { returned, outputs } = outcome;
      return outputs.length === 0 ? { id, ok: true, returned } : { id, ok: true, returned, outputs };
    }
    return { id, ok: false, error: describeError(outcome.error) };
  } catch (error) {
    return { id, ok: false, error: describeError(error) };
  }
}

function ready(): Invoker {
  if (!invoker) throw new Error('The app is not loaded yet.');
  return invoker;
}

function onMessage(message: ToWorker): void {
  if (Array.isArray(message)) {
    for (const invocation of message) void answer(invocation).then((reply) => replies.add(reply));
  } else if (message.type === 'load') {
    void load(message.options).then(
      (app) => send({ type: 'loaded', ...app }),
      (error: unknown) =>
        send({ type: 'failed', message: describeError(error).stack || describeError(error).message }),
    );
  } else {
    void registry
      .runHooks('appTerminate', { hookData: {} })
      .catch((error: unknown) => log('app', `appTerminate: ${describeError(error).message}`))
      .finally(() => process.exit(0));
  }
}

/**
 * An endless loop in user code would outlive a host that was killed, and burn a core for ever: a thread sees
 * that the parent is gone even then.
 */
function endWithParent(): void {
  const watch = `setInterval(() => { if (process.ppid !== ${process.ppid}) process.kill(process.pid, 'SIGKILL'); }, 1000);`;
  const thread = new Thread(watch, {
    eval: true,
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 4, maxYoungGenerationSizeMb: 1 },
  });
  thread.on('error', () => undefined);
  thread.unref();
}

process.on('message', onMessage);
process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => undefined);
endWithParent();
