import { stampToMillis } from './clock';
import type { Instance } from './instance';
import type { NewChild, NewTask, RetryPolicy } from './runner';

export interface ActivityTask {
  kind: 'activity';
  id: number;
  name: string;
  input: string;
  /** The id of the first attempt, when the activity is retried. */
  root: number | undefined;
  /** Its result is queued; a second one is ignored. */
  completed: boolean;
}

export interface TimerTask {
  kind: 'timer';
  id: number;
  fireAt: string;
  created: string;
  hop: boolean;
  completed: boolean;
  handle?: NodeJS.Timeout;
}

/** A sub-orchestration. */
export interface ChildTask {
  kind: 'child';
  id: number;
  name: string;
  version: string | null;
  input: string | null;
  /** The id of its instance. */
  child: string;
  root: number | undefined;
  completed: boolean;
}

export type OpenTask = ActivityTask | ChildTask | TimerTask;

type RetriedTask = Extract<NewTask, { kind: 'activity' }> | NewChild;

/** How far the retries of one activity or sub-orchestration are. */
export interface Retries {
  task: RetriedTask;
  policy: RetryPolicy;
  failures: number;
  /** Unix milliseconds. */
  firstAt: number;
}

/** Delay before the next attempt in milliseconds; undefined when the platform gives up without saying so. */
export function retryDelay(retries: Retries, now: number): number | undefined {
  const { policy, failures, firstAt } = retries;
  // After the last attempt the platform creates a timer too, which fires at once.
  if (failures >= policy.maxAttempts) return 0;
  if (policy.timeout !== null && now - firstAt > policy.timeout) return undefined;
  const delay = policy.first * policy.backoff ** (failures - 1);
  const capped = Math.min(delay, policy.maxInterval ?? Number.POSITIVE_INFINITY, MAX_DELAY_MS);
  return Number.isFinite(capped) ? Math.max(0, Math.round(capped)) : MAX_DELAY_MS;
}

/** Ten years: far beyond any use, near enough for every date. */
const MAX_DELAY_MS = 10 * 365 * 24 * 3_600_000;

/** The open task that the first or next attempt of an activity or sub-orchestration makes. */
export function attempt(instance: Instance, task: NewTask, at: string): ActivityTask | ChildTask | undefined {
  if (task.kind === 'activity' || task.kind === 'child') {
    const { id, retry: policy } = task;
    if (policy) instance.retries.set(id, { task, policy, failures: 0, firstAt: stampToMillis(at) });
    return openTask(instance, task, id, policy ? id : undefined);
  }
  const retries = task.kind === 'retryAttempt' ? instance.retries.get(task.root) : undefined;
  if (!retries || task.kind !== 'retryAttempt') return undefined;
  return openTask(instance, retries.task, task.id, task.root);
}

function openTask(
  instance: Instance,
  task: RetriedTask,
  id: number,
  root: number | undefined,
): ActivityTask | ChildTask {
  const { name } = task;
  if (task.kind === 'activity')
    return { kind: 'activity', id, name, input: task.input, root, completed: false };
  const { input, version = null, instanceId: child = `${instance.execution}:${id}` } = task;
  return { kind: 'child', id, name, version, input, child, root, completed: false };
}

export function closeTimer(instance: Instance, id: number): void {
  const task = instance.open.get(id);
  if (task?.kind !== 'timer') return;
  clearTimeout(task.handle);
  task.completed = true;
  instance.open.delete(id);
}

/** Takes a completed task from the open ones and counts the failures of what is retried. */
export function applyCompletion(instance: Instance, id: number, failed: boolean): void {
  const task = instance.open.get(id);
  instance.open.delete(id);
  if (!task || task.kind === 'timer' || task.root === undefined) return;
  const retries = instance.retries.get(task.root);
  if (failed && retries) retries.failures++;
  else instance.retries.delete(task.root);
}
