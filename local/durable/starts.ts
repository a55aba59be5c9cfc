import { randomUUID } from 'node:crypto';
import type { Clock } from './clock';
import type { Episodes } from './episodes';
import { Instance } from './instance';
import type { InstanceRow, RuntimeStatus } from './schema';
import type { Store } from './store';
import type { VersionSettings } from './versions';

export interface StartRequest {
  name: string;
  /** Generated when absent. */
  id?: string;
  /** JSON text; null for none. */
  input: string | null;
  version?: string | null;
  /** The instance of which this is a restart. */
  restarts?: string;
}

export type StartResult = { outcome: 'started'; id: string } | { outcome: 'conflict'; status: RuntimeStatus };

export interface StartsOptions {
  clock: Clock;
  store: Store;
  /** Instances that have not ended, by id; new ones are added to it. */
  live: Map<string, Instance>;
  episodes: Episodes;
  versions: VersionSettings;
  /** A start replaces what runs under its id. */
  overridesAny: boolean;
  nextInstance: () => number;
  /** Gives up what an instance had open. */
  forget: (instance: Instance) => void;
  /** Goes on with an instance whose replacement could not be stored. */
  reopen: (instance: Instance) => void;
}

/** Brings instances to life: under a new id, or in the place of one that has ended. */
export class Starts {
  constructor(private readonly options: StartsOptions) {}

  /** See `DurableEngine.startInstance`. */
  async start(request: StartRequest): Promise<StartResult> {
    const { live, store, episodes, forget, reopen } = this.options;
    const id = request.id ?? randomUUID().replaceAll('-', '');
    let running = live.get(id);
    // An episode that is being committed is still the old instance's.
    while (this.options.overridesAny && running?.commit) {
      await running.commit;
      running = live.get(id);
    }
    if (running && !(this.options.overridesAny && running.durable))
      return { outcome: 'conflict', status: running.status };
    const previous = running?.toRow() ?? store.find(id);
    const instance = new Instance(this.newRow(request, id, previous), false);
    if (running) running.closed = true;
    live.set(id, instance);
    try {
      await store.database.write(() => {
        if (previous) store.remove(previous.seq);
        store.insert(instance.toRow());
      });
    } catch (error) {
      live.delete(id);
      if (running) reopen(running);
      throw error;
    }
    if (running) forget(running);
    instance.durable = true;
    episodes.schedule(instance);
    return { outcome: 'started', id };
  }

  private newRow(request: StartRequest, id: string, previous: InstanceRow | undefined): InstanceRow {
    const { clock, nextInstance, versions } = this.options;
    const created = clock.stamp();
    const { restarts } = request;
    const execution = randomUUID();
    return {
      seq: nextInstance(),
      id,
      name: request.name,
      // The platform writes those of restarts without dashes.
      execution: restarts === undefined ? execution : execution.replaceAll('-', ''),
      version: request.version ?? versions.current,
      input: request.input,
      generation: previous ? previous.generation + 1 : 0,
      carried: null,
      parent: null,
      source: restarts === undefined || restarts === id ? null : restarts,
      created,
      status: 'Pending',
      output: null,
      custom: null,
      updated: created,
    };
  }
}
