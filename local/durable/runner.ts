/**
 * The seam between the durable engine (`local/durable`, in the host process) and the workers
 * (`local/functions`, child processes that hold the app). Messages are plain data for `child_process` IPC
 * with `serialization: 'advanced'`; only `local/durable` looks inside them.
 */
export interface Runner {
  /** What the loaded app registered. Names match ignoring case. */
  has(kind: 'orchestrator' | 'activity' | 'entity', name: string): boolean;
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

/** Owned by `local/durable`; opaque to `local/functions`. */
export type EpisodeMessage = object;
export type EpisodeReply = object;

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
