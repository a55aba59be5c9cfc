import { setTimeout as delay } from 'node:timers/promises';
import { parseTimeSpan, resolveSetting } from './host-json';
import { parseNcrontab, type Schedule } from './ncrontab';
import type { FunctionMetadata, Invocation, InvocationReply } from './protocol';
import { retryPolicy, runWithRetries } from './retry';
import { triggerOf } from './router';
import type { Database } from '../shared/database';
import { isDiskFull } from '../shared/files';
import { log } from '../shared/log';

/** `setTimeout` takes at most so many milliseconds. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/** Pause before a timer whose status could not be stored goes on (ms). */
const STORE_RETRY_MS = 5_000;
/** How long (ms) a stopping host waits for timer functions that run. */
const STOP_GRACE_MS = 2_000;

/** Moments in ms since the epoch; 0 for never. */
interface Status {
  last: number;
  next: number;
  updated: number;
}

interface Timer {
  name: string;
  fn: FunctionMetadata;
  schedule: Schedule;
  runOnStartup: boolean;
  /** Whether missed occurrences are noticed; the status is stored then. */
  monitored: boolean;
  adjustForDst: boolean;
}

/**
 * The timer functions of an app. The status of each schedule is stored before the function runs again, so that
 * an occurrence missed while the host was down runs once at the next start, with `isPastDue`:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer
 */
export class Timers {
  private readonly handles = new Set<NodeJS.Timeout>();
  private readonly wakers = new Set<() => void>();
  private readonly running = new Set<Promise<Status>>();
  private stopped = false;

  constructor(
    private readonly database: Database,
    private readonly invoke: (invocation: Omit<Invocation, 'id'>) => Promise<InvocationReply>,
  ) {
    database.db.exec(
      'CREATE TABLE IF NOT EXISTS timers (name TEXT PRIMARY KEY, last INTEGER, next INTEGER, updated INTEGER) STRICT',
    );
  }

  /** Schedules the timer functions among `functions`; one with a bad schedule is logged and left out. */
  start(functions: readonly FunctionMetadata[], settings: Readonly<Record<string, string>>): void {
    for (const fn of functions) {
      const trigger = triggerOf(fn);
      if (trigger?.type.toLowerCase() !== 'timertrigger') continue;
      try {
        const schedule = parseSchedule(resolveSetting(String(trigger['schedule']), settings));
        const timer: Timer = {
          name: fn.name,
          fn,
          schedule: schedule.schedule,
          runOnStartup: trigger['runOnStartup'] === true,
          monitored: trigger['useMonitor'] !== false && schedule.monitored,
          adjustForDst: schedule.monitored,
        };
        this.loop(timer).catch((error: unknown) => {
          log('functions', `the timer "${fn.name}" has stopped: ${(error as Error).message}`);
        });
      } catch (error) {
        log('functions', `the timer "${fn.name}" cannot run: ${(error as Error).message}`);
      }
    }
  }

  /** No function is started any more; those that run get a little time to end, so that they do not run again. */
  async stop(): Promise<void> {
    this.stopped = true;
    for (const handle of this.handles) clearTimeout(handle);
    for (const wake of this.wakers) wake();
    if (this.running.size > 0)
      await Promise.race([Promise.allSettled(this.running), delay(STOP_GRACE_MS, undefined, { ref: false })]);
  }

  private async loop(timer: Timer): Promise<void> {
    const stored = timer.monitored ? this.read(timer.name) : undefined;
    let status: Status = stored ?? { last: 0, next: timer.schedule.next(Date.now()) ?? 0, updated: 0 };
    if (stored) {
      // The schedule may have been changed meanwhile: only an occurrence of the present one can be past due.
      const due = timer.schedule.next(stored.last || stored.updated) ?? 0;
      status = { ...stored, next: due };
    } else if (timer.monitored) {
      status.updated = Date.now();
      await this.store(timer, status);
    }
    const pastDue = stored !== undefined && status.next !== 0 && status.next < Date.now();
    if (!this.stopped && (pastDue || timer.runOnStartup)) status = await this.tracked(timer, status, pastDue);
    while (!this.stopped && status.next !== 0) {
      await this.pause(status.next - Date.now());
      // A timer may fire a little early.
      if (this.stopped || status.next > Date.now()) continue;
      status = await this.tracked(timer, status, false);
    }
  }

  private async tracked(timer: Timer, status: Status, isPastDue: boolean): Promise<Status> {
    const run = this.run(timer, status, isPastDue);
    this.running.add(run);
    try {
      return await run;
    } finally {
      this.running.delete(run);
    }
  }

  private async run(timer: Timer, status: Status, isPastDue: boolean): Promise<Status> {
    const startedAt = Date.now();
    const value = {
      Schedule: { AdjustForDST: timer.adjustForDst },
      ScheduleStatus: { Last: iso(status.last), Next: iso(status.next), LastUpdated: iso(status.updated) },
      IsPastDue: isPastDue,
    };
    const trigger = { json: JSON.stringify(value) };
    const outcome = await runWithRetries(
      retryPolicy(timer.fn),
      (retry) => this.invoke({ name: timer.name, trigger, retry }),
      (ms) => this.pause(ms),
      () => this.stopped,
    );
    if (!outcome.ok) log('functions', `the timer "${timer.name}" failed: ${outcome.message}`);
    const now = Date.now();
    const next: Status = { last: startedAt, next: timer.schedule.next(now) ?? 0, updated: now };
    if (timer.monitored) await this.store(timer, next);
    return next;
  }

  private read(name: string): Status | undefined {
    const row = this.database.db.prepare('SELECT last, next, updated FROM timers WHERE name = ?').get(name);
    return row as unknown as Status | undefined;
  }

  private async store(timer: Timer, { last, next, updated }: Status): Promise<void> {
    for (;;) {
      try {
        await this.database.write((db) =>
          db
            .prepare('INSERT OR REPLACE INTO timers VALUES (?, ?, ?, ?)')
            .run(timer.name, last, next, updated),
        );
        return;
      } catch (error) {
        if (!isDiskFull(error) || this.stopped) throw error;
        log('functions', `the timer "${timer.name}" waits: no space is left on the device`);
        await this.pause(STORE_RETRY_MS);
      }
    }
  }

  private pause(ms: number): Promise<void> {
    if (this.stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.handles.delete(handle);
        this.wakers.delete(done);
        resolve();
      };
      const handle = setTimeout(done, Math.min(Math.max(ms, 0), MAX_TIMEOUT_MS));
      this.handles.add(handle);
      this.wakers.add(done);
    });
  }
}

/** An NCRONTAB expression, or a time span; schedules that run more than once a minute are not monitored. */
function parseSchedule(text: string): { schedule: Schedule; monitored: boolean } {
  const interval = parseTimeSpan(text);
  if (interval !== undefined) {
    if (interval <= 0) throw new Error(`"${text}" is no schedule: its interval is zero.`);
    return { schedule: { next: (after) => after + interval }, monitored: interval >= 60_000 };
  }
  const schedule = parseNcrontab(text);
  const first = schedule.next(Date.now());
  const second = first === undefined ? undefined : schedule.next(first);
  const often = first !== undefined && second !== undefined && second - first < 60_000;
  return { schedule, monitored: !often };
}

function iso(time: number): string {
  return time === 0 ? '0001-01-01T00:00:00+00:00' : new Date(time).toISOString().replace('Z', '+00:00');
}
