import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type * as CosmosModule from './cosmos-listener';
import { readCosmosTrigger } from './cosmos-options';
import type * as EventHubModule from './event-hub-listener';
import { readEventHubTrigger, type EventHubsSettings } from './event-hub-options';
import type { Settings } from './binding-options';
import type { FunctionMetadata, Invocation, InvocationReply, TypedData } from './protocol';
import { retryPolicy, runWithRetries, type Deliver } from './retry';
import { triggerOf } from './router';
import { log } from '../shared/log';

/** How long (ms) a stopping host waits for functions that run with a batch. */
const STOP_GRACE_MS = 2_000;
/** Pause between the start of the host and the first reading of a store (ms). */
const START_DELAY_MS = 250;

interface Listener {
  start(): void;
  /** Nothing is delivered any more; resolves when what was under way has ended. */
  stop(): Promise<void>;
}

/** Listens to the stores for the functions of an app that have a Cosmos DB or an Event Hubs trigger. */
export class Listeners {
  private readonly prepared: (() => Listener)[] = [];
  private readonly sources = new Map<string, string>();
  private listeners: Listener[] = [];
  private stopping: Promise<void> | undefined;

  constructor(
    private readonly invoke: (invocation: Omit<Invocation, 'id'>) => Promise<InvocationReply>,
    private readonly settings: Settings,
    private readonly eventHubs: EventHubsSettings,
  ) {}

  /**
   * Prepares to listen for a function, if it has a trigger that is listened to here.
   * @throws with the reason when its options cannot be used.
   */
  add(fn: FunctionMetadata): void {
    const trigger = triggerOf(fn);
    const type = trigger?.type.toLowerCase();
    const deliver = this.deliverer(fn);
    // The SDKs take long to load: only a host that needs them does.
    if (trigger && type === 'cosmosdbtrigger') {
      const options = readCosmosTrigger(trigger, this.settings);
      const { connectionString, database, container, prefix } = options.leases;
      this.take(fn.name, 'leases (give each a leaseContainerPrefix)', [
        options.monitored,
        [connectionString, database, container, prefix],
      ]);
      this.prepared.push(() => {
        const { CosmosListener } = require('./cosmos-listener') as typeof CosmosModule;
        return new CosmosListener(fn.name, options, deliver);
      });
    }
    if (trigger && type === 'eventhubtrigger') {
      const options = readEventHubTrigger(trigger, this.settings);
      const { connectionString, hub, consumerGroup } = options;
      this.take(fn.name, 'consumer group', [connectionString, hub, consumerGroup]);
      this.prepared.push(() => {
        const { EventHubListener } = require('./event-hub-listener') as typeof EventHubModule;
        return new EventHubListener(fn.name, options, this.eventHubs, deliver);
      });
    }
  }

  /** Begins when those of the app's last build have ended: two would deliver the same. */
  async start(predecessors: Promise<void> | undefined): Promise<void> {
    if (this.prepared.length === 0) return;
    // Loading an SDK holds up everything: at a start, the requests that wait for the host come first.
    await (predecessors ?? delay(START_DELAY_MS, undefined, { ref: false }));
    if (this.stopping) return;
    try {
      this.listeners = this.prepared.map((create) => create());
    } catch (error) {
      log('functions', `the triggers cannot be listened to: ${(error as Error).message}`);
    }
    for (const listener of this.listeners) listener.start();
  }

  /** Nothing is delivered any more; functions that run get a little time to end, so that they do not run again. */
  stop(): Promise<void> {
    this.stopping ??= Promise.race([
      Promise.all(this.listeners.map((listener) => listener.stop())),
      delay(STOP_GRACE_MS, undefined, { ref: false }),
    ]).then(() => undefined);
    return this.stopping;
  }

  /** @throws when another function reads what this one would: on the platform each would get only a part of it. */
  private take(name: string, what: string, source: unknown): void {
    const key = JSON.stringify(source);
    const owner = this.sources.get(key);
    if (owner !== undefined) throw new Error(`"${owner}" has the same source and ${what}`);
    this.sources.set(key, name);
  }

  private deliverer(fn: FunctionMetadata): Deliver {
    const { name } = fn;
    const policy = retryPolicy(fn);
    return (trigger, life, metadata) =>
      runWithRetries(
        policy,
        async (retry) => {
          const sys = systemMetadata(name);
          const run = this.invoke({ name, trigger, metadata: { ...metadata, sys }, retry });
          if (!retry) return run;
          const failure = await run.then(
            (reply) => (reply.ok ? undefined : reply.error.message),
            (error: Error) => error.message,
          );
          // A function without a limit of retries would fail without a word; with every word the log would be full.
          if (failure !== undefined && !life.stopped && isPowerOfTwo(retry.retryCount + 1))
            log('functions', `"${name}" failed, attempt ${retry.retryCount + 1}: ${failure}`);
          return run;
        },
        (ms) => life.pause(ms),
        () => life.stopped,
      );
  }
}

function isPowerOfTwo(count: number): boolean {
  return Number.isInteger(Math.log2(count));
}

/** What the platform tells every function of its invocation. */
function systemMetadata(name: string): TypedData {
  const sys = { MethodName: name, UtcNow: new Date().toISOString(), RandGuid: randomUUID() };
  return { json: JSON.stringify(sys) };
}
