import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type * as CosmosModule from './cosmos-listener';
import { readCosmosTrigger } from './cosmos-options';
import type * as EventHubModule from './event-hub-listener';
import { readEventHubTrigger, type EventHubsSettings } from './event-hub-options';
import type { Settings } from './binding-options';
import type { Lifetime } from './lifetime';
import type { FunctionMetadata, Invocation, InvocationReply, TypedData } from './protocol';
import { retryPolicy, runWithRetries } from './retry';
import { triggerOf } from './router';

/** How long (ms) a stopping host waits for functions that run with a batch. */
const STOP_GRACE_MS = 2_000;

/** Gives a batch to a function, with its retries, until it succeeds, fails for good, or the lifetime ends. */
export type Deliver = (
  trigger: TypedData,
  life: Lifetime,
  metadata?: Record<string, TypedData>,
) => Promise<{ ok: true } | { ok: false; message: string }>;

interface Listener {
  start(): void;
  /** Nothing is delivered any more; resolves when what was under way has ended. */
  stop(): Promise<void>;
}

/** Listens to the stores for the functions of an app that have a Cosmos DB or an Event Hubs trigger. */
export class Listeners {
  private readonly prepared: (() => Listener)[] = [];
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
    // The SDKs take long to load: only a host that needs them does.
    if (trigger?.type.toLowerCase() === 'cosmosdbtrigger') {
      const options = readCosmosTrigger(trigger, this.settings);
      this.prepared.push(() => {
        const { CosmosListener } = require('./cosmos-listener') as typeof CosmosModule;
        return new CosmosListener(fn.name, options, this.deliverer(fn));
      });
    }
    if (trigger?.type.toLowerCase() === 'eventhubtrigger') {
      const options = readEventHubTrigger(trigger, this.settings);
      this.prepared.push(() => {
        const { EventHubListener } = require('./event-hub-listener') as typeof EventHubModule;
        return new EventHubListener(fn.name, options, this.eventHubs, this.deliverer(fn));
      });
    }
  }

  /** Begins when those of the app's last build have ended: two would deliver the same. */
  async start(predecessors: Promise<void> | undefined): Promise<void> {
    await predecessors;
    if (this.stopping) return;
    this.listeners = this.prepared.map((create) => create());
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

  private deliverer(fn: FunctionMetadata): Deliver {
    const { name } = fn;
    const policy = retryPolicy(fn);
    return (trigger, life, metadata) =>
      runWithRetries(
        policy,
        (retry) =>
          this.invoke({ name, trigger, metadata: { ...metadata, sys: systemMetadata(name) }, retry }),
        (ms) => life.pause(ms),
        () => life.stopped,
      );
  }
}

/** What the platform tells every function of its invocation. */
function systemMetadata(name: string): TypedData {
  const sys = { MethodName: name, UtcNow: new Date().toISOString(), RandGuid: randomUUID() };
  return { json: JSON.stringify(sys) };
}
