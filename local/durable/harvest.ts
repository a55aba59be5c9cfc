import type { ContinueAsNew, EpisodeMessage, EpisodeReply, NewTask, RetryPolicy } from './runner';
import { ActionType, actionOf, retryStep, type Action, type Executor, type Task } from './sdk';

type State = Extract<EpisodeReply, { kind: 'state' }>;

const ACTION_WORDS: Record<number, string> = {
  [ActionType.CallEntity]: 'callEntity',
  [ActionType.CallHttp]: 'callHttp',
  [ActionType.LockEntities]: 'lock',
};

/** The JSON text that the platform hands to the activity. */
function activityInput(input: unknown): string {
  // The SDK has already turned strings into JSON texts.
  if (typeof input === 'string') return input;
  // The platform hands booleans over as .NET writes them.
  if (typeof input === 'boolean') return input ? '"True"' : '"False"';
  return JSON.stringify(input) ?? 'null';
}

function retryPolicy(options: NonNullable<Action['retryOptions']>): RetryPolicy {
  return {
    first: options.firstRetryIntervalInMilliseconds,
    maxAttempts: options.maxNumberOfAttempts,
    backoff: options.backoffCoefficient ?? 1,
    maxInterval: options.maxRetryIntervalInMilliseconds ?? null,
    timeout: options.retryTimeoutInMilliseconds ?? null,
  };
}

function readChild(id: number, action: Action): NewTask {
  const { functionName: name = '', instanceId, version, retryOptions } = action;
  return {
    kind: 'child',
    id,
    name,
    input: JSON.stringify(action.input) ?? null,
    ...(instanceId ? { instanceId } : {}),
    ...(version ? { version } : {}),
    ...(retryOptions ? { retry: retryPolicy(retryOptions) } : {}),
  };
}

/** @returns the task, or the word of the SDK's operation that the engine lacks. */
function readTask(id: number, task: Task): NewTask | string {
  const step = retryStep(task);
  if (step) return { kind: step.step === 'timer' ? 'retryTimer' : 'retryAttempt', id, root: step.root };
  const action: Action = actionOf(task) ?? { actionType: -1 };
  switch (action.actionType) {
    case ActionType.CallActivity:
      return { kind: 'activity', id, name: action.functionName ?? '', input: activityInput(action.input) };
    case ActionType.CallActivityWithRetry:
      return {
        kind: 'activity',
        id,
        name: action.functionName ?? '',
        input: activityInput(action.input),
        ...(action.retryOptions ? { retry: retryPolicy(action.retryOptions) } : {}),
      };
    case ActionType.CallSubOrchestrator:
    case ActionType.CallSubOrchestratorWithRetry:
      return readChild(id, action);
    case ActionType.CreateTimer: {
      const fireAt = action.fireAt?.getTime() ?? Number.NaN;
      const hop = task.parent?.longRunningTimerIntervalDuration !== undefined;
      return { kind: 'timer', id, fireAt: Number.isNaN(fireAt) ? 0 : fireAt, ...(hop ? { hop } : {}) };
    }
    default:
      return ACTION_WORDS[action.actionType] ?? `action type ${action.actionType}`;
  }
}

function isCancelled(task: Task | undefined): boolean {
  if (!task) return false;
  if (actionOf(task)?.isCanceled) return true;
  // Cancelling a long timer marks the whole, not the hop that is under way.
  const { parent } = task;
  return parent?.longRunningTimerIntervalDuration !== undefined && actionOf(parent)?.isCanceled === true;
}

/** What the SDK would return for this state, as JSON text; the platform quotes it for failures without a message. */
function stateText(executor: Executor): string {
  const { customStatus } = executor.context;
  return JSON.stringify({
    isDone: executor.hasCompletedSuccessfully(),
    actions: executor.actions.length === 0 ? [[]] : [executor.actions],
    schemaVersion: executor.schemaVersion,
    ...(customStatus ? { customStatus } : {}),
  });
}

/** An invocation that failed outside of what the SDK reports as the orchestrator's failure. */
export function invocationError(error: unknown): string {
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: '' };
  return `One or more errors occurred. (Result: Failure\nException: ${message}\nStack: ${stack ?? ''})`;
}

function failure(executor: Executor): string | undefined {
  if (executor.exception === undefined) return undefined;
  const { message } = (executor.exception ?? {}) as { message?: unknown };
  if (message) return typeof message === 'string' ? message : (JSON.stringify(message) ?? '');
  // Something without a message was thrown: the platform then shows the SDK's error as it is.
  const shown = `${executor.orchestratorReturned}\n\n$OutOfProcData$:${stateText(executor)}`;
  return `One or more errors occurred. (Result: Failure\nException: ${shown}\nStack: )`;
}

/** What fire-and-forget operation took an id without leaving an open task. */
function fireAndForget(executor: Executor): string {
  const releases = executor.actions.some(({ actionType }) => actionType === ActionType.ReleaseEntities);
  return releases ? 'lock' : 'signalEntity';
}

/** Whether a task's action is among those that the SDK returns: after `continueAsNew` it adds none. */
function isAsked(task: Task, asked: ReadonlySet<Action>): boolean {
  for (let next: Task | undefined = task; next; next = next.parent) {
    const action = actionOf(next);
    if (action && asked.has(action)) return true;
  }
  return false;
}

function withCompounds(actions: readonly Action[], into = new Set<Action>()): Set<Action> {
  for (const action of actions) {
    into.add(action);
    if (action.compoundActions) withCompounds(action.compoundActions, into);
  }
  return into;
}

/** @param carried external events that came after the call. */
function continueAsNew(executor: Executor, carried: number): ContinueAsNew {
  const action = executor.actions.findLast(({ actionType }) => actionType === ActionType.ContinueAsNew);
  let dropped = 0;
  for (const deferred of Object.values(executor.deferredTasks ?? {})) dropped += deferred?.length ?? 0;
  // The SDK has already turned strings into JSON texts.
  const input = typeof action?.input === 'string' ? action.input : JSON.stringify(action?.input);
  return { input: input ?? null, carried, dropped };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}

/**
 * Reads from the live executor what an episode brought: new tasks under the ids that the SDK gave them.
 *
 * @param later how many external events of the history came when the executor was already done
 */
export function harvest(executor: Executor, message: EpisodeMessage, later: number): State {
  const tasks: NewTask[] = [];
  const asked = executor.willContinueAsNew ? withCompounds(executor.actions) : undefined;
  let unsupported: string | undefined;
  // A task that got its id in this episode is still open: the host has not scheduled it yet.
  const rewound = (message.again ?? []).filter((id) => executor.openTasks[id] !== undefined);
  for (const id of [...rewound, ...range(message.nextId, executor.sequenceNumber)]) {
    const task = executor.openTasks[id];
    if (task && asked && !isAsked(task, asked)) continue;
    const read = task ? readTask(id, task) : fireAndForget(executor);
    if (typeof read === 'string') unsupported ??= read;
    else tasks.push(read);
  }
  const timers = tasks.filter(({ kind }) => kind === 'timer').map(({ id }) => id);
  const { customStatus } = executor.context;
  const error = failure(executor);
  return {
    kind: 'state',
    tasks,
    nextId: Math.max(executor.sequenceNumber, message.nextId),
    cancelled: [...message.timers, ...timers].filter((id) => isCancelled(executor.openTasks[id])),
    done: executor.hasCompletedSuccessfully(),
    output: JSON.stringify(executor.output) ?? null,
    // A falsy custom status is none: the SDK leaves it out.
    customStatus: customStatus ? (JSON.stringify(customStatus) ?? null) : null,
    ...(executor.willContinueAsNew ? { continueAsNew: continueAsNew(executor, later) } : {}),
    ...(unsupported === undefined ? {} : { unsupported }),
    ...(error === undefined ? {} : { error }),
  };
}
