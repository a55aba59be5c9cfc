/**
 * The parts of `durable-functions` 3.5.0 that are not its public interface and that the worker side reads:
 * https://github.com/Azure/azure-functions-durable-js/tree/v3.x/src/orchestrations and …/task.
 * {@link readExecutor} and {@link canLiveOn} check them, so that with another version the worker replays every
 * episode in full, or refuses, instead of misbehaving.
 */
export const ActionType = {
  CallActivity: 0,
  CallActivityWithRetry: 1,
  CallSubOrchestrator: 2,
  CallSubOrchestratorWithRetry: 3,
  ContinueAsNew: 4,
  CreateTimer: 5,
  WaitForExternalEvent: 6,
  CallEntity: 7,
  CallHttp: 8,
  SignalEntity: 9,
  WhenAny: 11,
  WhenAll: 12,
  LockEntities: 13,
  ReleaseEntities: 14,
} as const;

export interface Action {
  actionType: number;
  functionName?: string;
  input?: unknown;
  instanceId?: string;
  version?: string;
  fireAt?: Date;
  isCanceled?: boolean;
  compoundActions?: Action[];
  retryOptions?: {
    firstRetryIntervalInMilliseconds: number;
    maxNumberOfAttempts: number;
    backoffCoefficient?: number;
    maxRetryIntervalInMilliseconds?: number;
    retryTimeoutInMilliseconds?: number;
  };
}

export interface Task {
  id: number | string | false;
  isPlayed: boolean;
  /** 0 while running. */
  stateObj: number;
  /** `'noOp'` on the tasks that stand for the steps of a retry. */
  actionObj: Action | string;
  parent?: Task;
  children?: Task[];
  /** Only on RetryableTask. */
  innerTask?: Task;
  /** Only on LongTimerTask. */
  longRunningTimerIntervalDuration?: unknown;
}

export interface SdkEvent {
  EventType: number;
  Timestamp: Date | string;
  IsPlayed: boolean;
  TaskScheduledId?: number;
  TimerId?: number;
  Name?: string;
}

export interface Executor {
  actions: Action[];
  sequenceNumber: number;
  openTasks: Record<string, Task | undefined>;
  openEvents: Record<string, Task[] | undefined>;
  /** What came for tasks that were not yet waited for, by id or event name. */
  deferredTasks?: Record<string, unknown[] | undefined>;
  willContinueAsNew: boolean;
  orchestratorReturned: boolean;
  output: unknown;
  exception: unknown;
  schemaVersion: number;
  context: { customStatus: unknown; isReplaying: boolean };
  _isReplaying: boolean;
  isDoneExecuting(): boolean;
  hasCompletedSuccessfully(): boolean;
  processEvent(event: SdkEvent): void;
  setTaskValue(event: SdkEvent, isSuccess: boolean, idKey: 'TaskScheduledId' | 'TimerId' | 'Name'): void;
  trackOpenTask(task: Task): void;
}

const METHODS = ['isDoneExecuting', 'processEvent', 'setTaskValue', 'trackOpenTask'] as const;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** The executor that the SDK hung on the invocation's context; undefined when it is not as expected. */
export function readExecutor(context: object): Executor | undefined {
  const df: unknown = (context as { df?: unknown }).df;
  if (!isRecord(df)) return undefined;
  const executor = df['taskOrchestratorExecutor'];
  if (!isRecord(executor)) return undefined;
  const shaped =
    Array.isArray(executor['actions']) &&
    typeof executor['sequenceNumber'] === 'number' &&
    isRecord(executor['openTasks']) &&
    executor['context'] === df &&
    typeof executor['hasCompletedSuccessfully'] === 'function';
  return shaped ? (executor as unknown as Executor) : undefined;
}

/** Whether an executor can also be fed further events, and not only be read after a replay. */
export function canLiveOn(executor: Executor): boolean {
  return (
    isRecord(executor.openEvents) &&
    typeof executor._isReplaying === 'boolean' &&
    METHODS.every((method) => typeof executor[method] === 'function')
  );
}

export function actionOf(task: Task): Action | undefined {
  return typeof task.actionObj === 'object' ? task.actionObj : undefined;
}

/** Where a task stands among the steps of a retried activity or sub-orchestration; undefined when it is not one of them. */
export function retryStep(task: Task): { root: number; step: 'timer' | 'attempt' } | undefined {
  const { parent } = task;
  if (!parent?.innerTask || task === parent.innerTask || !parent.children) return undefined;
  // The SDK reserves a timer and then an attempt, alternately, behind the first attempt.
  const step = parent.children.indexOf(task) % 2 === 1 ? 'timer' : 'attempt';
  return { root: Number(parent.innerTask.id), step };
}
