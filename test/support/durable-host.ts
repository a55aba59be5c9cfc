import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import {
  createDurableHttp,
  createEpisodeRunner,
  openEngine,
  type ActivityReply,
  type Answer,
  type DurableEngine,
  type DurableHttp,
  type EngineOptions,
  type EpisodeMessage,
  type EpisodeReply,
  type Runner,
} from '../../local/durable';
import { functions, invoke, toJsonText } from './durable-sdk';

/** One call of an orchestrator or activity, as the recordings hold it. */
export interface Call {
  name: string;
  instanceId: string | undefined;
  payload: unknown;
  returned?: unknown;
  threw?: string;
}

const TRIGGERS = {
  orchestrator: 'orchestrationTrigger',
  activity: 'activityTrigger',
  entity: 'entityTrigger',
};

function typeOf(name: string): string | undefined {
  const found = functions.get(name.toLowerCase());
  return found && Object.values(found.metadata.bindings)[0]?.type;
}

/** A runner that calls the SDK in this process, and keeps a record of what it called. */
export class InProcessRunner implements Runner {
  readonly calls: Call[] = [];
  readonly episodes: { instanceId: string; message: EpisodeMessage; reply: EpisodeReply }[] = [];
  recording = false;
  private readonly run: ReturnType<typeof createEpisodeRunner>;

  constructor(maxKeptGenerators = 1_000) {
    this.run = createEpisodeRunner((name, payload) => this.invokeOrchestrator(name, payload), {
      maxKeptGenerators,
    });
  }

  has(kind: 'orchestrator' | 'activity' | 'entity', name: string): boolean {
    return typeOf(name) === TRIGGERS[kind];
  }

  async runEpisode(name: string, instanceId: string, message: EpisodeMessage): Promise<EpisodeReply> {
    const reply = await this.run(name, message);
    if (this.recording) this.episodes.push({ instanceId, message: structuredClone(message), reply });
    return reply;
  }

  async runActivity(name: string, instanceId: string, input: string): Promise<ActivityReply> {
    const parsed: unknown = JSON.parse(input);
    const call: Call = { name, instanceId, payload: parsed };
    if (this.recording) this.calls.push(call);
    const outcome = await invoke(name, { string: input });
    if (outcome.ok) {
      const result = toJsonText(outcome.returned);
      call.returned = result === null ? null : JSON.parse(result);
      return { ok: true, result };
    }
    const { message, stack, name: errorName } = outcome.error as Error;
    call.threw = message;
    return { ok: false, message, stack: stack ?? '', name: errorName };
  }

  private async invokeOrchestrator(name: string, payload: string) {
    const call: Call = { name, instanceId: undefined, payload: undefined };
    if (this.recording) {
      call.payload = JSON.parse(payload);
      call.instanceId = (call.payload as { instanceId: string }).instanceId;
      this.calls.push(call);
    }
    const outcome = await invoke(name, { string: payload });
    if (!outcome.ok) {
      call.threw = (outcome.error as Error).message;
      return outcome;
    }
    const returned = toJsonText(outcome.returned) ?? 'null';
    if (this.recording) call.returned = JSON.parse(returned);
    return { ok: true as const, returned, context: outcome.context };
  }
}

/** Keeps the messages of episodes, and can hold up those of an instance. */
export class GatedRunner extends InProcessRunner {
  readonly messages: EpisodeMessage[] = [];
  /** How many episodes are held up. */
  waiting = 0;
  private readonly gates = new Map<string, Promise<void>>();

  /** @returns what opens the gate again. */
  close(instanceId: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gates.set(instanceId, promise);
    return () => {
      this.gates.delete(instanceId);
      resolve();
    };
  }

  override async runEpisode(name: string, id: string, message: EpisodeMessage): Promise<EpisodeReply> {
    this.messages.push(message);
    this.waiting++;
    await this.gates.get(id);
    this.waiting--;
    return super.runEpisode(name, id, message);
  }
}

const PATIENCE_MS = 10_000;

/** Looks again and again whether something has come about; throws when it does not in ten seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`It has not come about: ${condition.toString()}`);
    await setImmediate();
  }
}

export const PREFIX = '/runtime/webhooks/durabletask';
export const ORIGIN = 'http://127.0.0.1:7099';

export interface TestHost {
  engine: DurableEngine;
  http: DurableHttp;
  runner: InProcessRunner;
  logged: string[];
  /** A request to the management API; `path` is relative to the prefix and may carry a query. */
  send(method: string, path: string, body?: string, headers?: Record<string, string>): Promise<Answer>;
  dispose(): void;
}

/** An engine with its HTTP API on a store of its own, that calls the SDK in this process. */
export function startTestHost(
  options: Partial<EngineOptions> & {
    runner?: InProcessRunner;
    maxKeptGenerators?: number;
    taskHub?: string;
  } = {},
): TestHost {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-durable-'));
  const runner = options.runner ?? new InProcessRunner(options.maxKeptGenerators);
  const logged: string[] = [];
  const engine = openEngine({
    file: join(folder, 'durable.db'),
    log: (text) => void logged.push(text),
    ...options,
    runner,
  });
  engine.start();
  const taskHub = options.taskHub ?? 'H3190d';
  const http = createDurableHttp(engine, {
    taskHub,
    connection: 'Storage',
    systemKey: 'SYSTEMKEY',
    prefix: PREFIX,
  });
  return {
    engine,
    http,
    runner,
    logged,
    send(method, target, body = '', headers = {}) {
      const url = new URL(ORIGIN + PREFIX + target);
      const { pathname: path, searchParams: query } = url;
      return http.management({ method, path, query, headers, body: Buffer.from(body), origin: ORIGIN });
    },
    dispose() {
      engine.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
