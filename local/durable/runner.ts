/**
 * The seam between the durable engine (`local/durable`, in the host process) and the workers
 * (`local/functions`, child processes that hold the app). Messages are plain data for `child_process` IPC
 * with `serialization: 'advanced'`; only `local/durable` looks inside them.
 */
export interface Runner {
  /** What the loaded app registered. Names match ignoring case. */
  has(kind: 'orchestrator' | 'activity', name: string): boolean;
  /**
   * Runs one episode in the worker that `instanceId` is bound to.
   * @throws {WorkerLostError} when the worker died or hung; the work may or may not have run: dispatch it again.
   */
  runEpisode(name: string, instanceId: string, message: EpisodeMessage): Promise<EpisodeReply>;
  /**
   * Runs one activity in the least busy worker. `input` is the JSON text of the activity's input.
   * @throws {WorkerLostError} as above.
   */
  runActivity(name: string, instanceId: string, input: string): Promise<ActivityReply>;
}

/** One episode: what happened since the last one. Owned by `local/durable`; opaque to `local/functions`. */
export interface EpisodeMessage {
  /** Distinguishes two executions under one instance id. */
  execution: string;
  /** How many episodes of this execution are already stored: a kept generator must have seen exactly these. */
  episode: number;
  /** The first task id that the stored history does not know. */
  nextId: number;
  /** Ids below it that a rewind took from the history. */
  again?: number[];
  /** Timestamp of this episode's OrchestratorStarted event. */
  started: string;
  /** The new incoming events as JSON texts joined by commas. */
  events: string;
  /** Ids of timers that are neither fired nor cancelled, so that a cancellation can be reported. */
  timers: number[];
  /** The whole trigger payload (JSON text). Absent: only a kept generator can run this episode. */
  payload?: string;
  /** `replay`: never use a kept generator. `verify`: use it, replay in full besides, and compare. */
  mode?: 'replay' | 'verify';
}

export interface RetryPolicy {
  /** Milliseconds. */
  first: number;
  maxAttempts: number;
  backoff: number;
  /** Milliseconds; null for no limit. */
  maxInterval: number | null;
  /** Milliseconds since the first attempt; null for no limit. */
  timeout: number | null;
}

/** A sub-orchestration. */
export interface NewChild {
  kind: 'child';
  id: number;
  name: string;
  /** JSON text. */
  input: string | null;
  /** As the orchestrator gave it; the engine makes one up otherwise. */
  instanceId?: string;
  version?: string;
  retry?: RetryPolicy;
}

/** A task to which the SDK gave an id in this episode. */
export type NewTask =
  | { kind: 'activity'; id: number; name: string; /** JSON text */ input: string; retry?: RetryPolicy }
  | NewChild
  /** `fireAt` in Unix milliseconds. A hop is one leg of a timer longer than the SDK creates at once. */
  | { kind: 'timer'; id: number; fireAt: number; hop?: true }
  /** The wait after a failed attempt of the activity or sub-orchestration whose first attempt has the id `root`. */
  | { kind: 'retryTimer'; id: number; root: number }
  | { kind: 'retryAttempt'; id: number; root: number };

export interface ContinueAsNew {
  /** JSON text. */
  input: string | null;
  /** How many external events of the history (the last ones of their kind) came after it was called. */
  carried: number;
  /** How many external events came before it was called without having been waited for. */
  dropped: number;
}

export type EpisodeReply = { warnings?: string[] } & (
  | { kind: 'sendPayload' }
  | {
      kind: 'state';
      tasks: NewTask[];
      nextId: number;
      /** Ids of timers that the orchestrator cancelled. */
      cancelled: number[];
      /** The orchestrator asked to go on as a new execution, once no timer holds this one open. */
      continueAsNew?: ContinueAsNew;
      /** An action of the SDK that the engine cannot do. */
      unsupported?: string;
      done: boolean;
      /** JSON texts; null where the SDK leaves the field out. */
      output: string | null;
      customStatus: string | null;
      /** The orchestrator's failure, as the platform words it after "Orchestrator function '…' failed: ". */
      error?: string;
      /** The invocation itself failed: the SDK did not get as far as to say what the orchestrator decided. */
      crashed?: true;
    }
  | { kind: 'nonDeterministic'; message: string }
);

export type ActivityReply =
  | { ok: true; /** JSON text of the returned value; null for undefined. */ result: string | null }
  | { ok: false; message: string; stack: string; name: string };

/** The worker that held a piece of work is gone; the engine dispatches the work again. */
export class WorkerLostError extends Error {
  override readonly name = 'WorkerLostError';
}

/**
 * How the worker side of the engine (`local/durable/worker.ts`) calls the registered orchestrator: through the
 * SDK's whole invocation pipeline, with the trigger payload as the real host sends it (a JSON text).
 * `context` is the `InvocationContext` that the handler saw, so that what the SDK hung on it can be kept.
 */
export type InvokeOrchestrator = (
  name: string,
  triggerPayload: string,
) => Promise<
  | { ok: true; /** the returned orchestrator state as JSON text */ returned: string; context: object }
  | { ok: false; error: unknown; context: object }
>;

/** What `local/durable/worker.ts` exports for the worker process. */
export type CreateEpisodeRunner = (
  invoke: InvokeOrchestrator,
  options: { maxKeptGenerators: number },
) => (name: string, message: EpisodeMessage) => Promise<EpisodeReply>;
