import type { HostSettings } from './host-json';
import type { DurableHandler } from './http-front';
import type { FunctionMetadata } from './protocol';
import type { WorkerPool } from './worker-pool';

export interface DurableOptions {
  origin: string;
  dataDir: string;
  systemKey: string;
  host: HostSettings;
  pool(): WorkerPool;
  enabled(fn: FunctionMetadata): boolean;
}

export interface Durable {
  /** The management API, once the engine runs. */
  readonly management: DurableHandler | undefined;
  /** Value of the `durableClient` input bindings. */
  readonly clientData: string | null;
  /** Opens the engine: only when the app is loaded is it known which functions there are. */
  open(): void;
  dispose(): Promise<void>;
}

export async function startDurable(_options: DurableOptions): Promise<Durable> {
  return { management: undefined, clientData: null, open: () => undefined, dispose: async () => undefined };
}
