import type { OrchestrationContext } from 'durable-functions';
import type { IngestActivities } from '../../src/activities/ingest';
import type { SeenBatch } from '../../src/activities/ingest/openBatch';
import { ingestBatch } from '../../src/orchestrators/ingest/ingestBatch';
import type { Process } from './stores-model';

interface Call {
  readonly place: number;
  readonly name: string;
  readonly input: unknown;
}
type Task = Call | readonly Call[];

/** More than any single fault needs. */
const ATTEMPTS = 4;

const asSent = (value: unknown): unknown =>
  value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);

/** How an execution of an instance came to its end. */
export type Ended =
  | { readonly type: 'completed'; readonly output: unknown }
  | { readonly type: 'failed'; readonly error: unknown }
  /** The process is gone: start another one. */
  | { readonly type: 'killed' };

/**
 * An instance of `ingestBatch` on a platform in memory: results of activities are kept, whatever becomes of the process
 * that runs them; an activity whose result is not kept runs again.
 */
export class Instance {
  private readonly results = new Map<number, unknown>();

  constructor(private readonly input: SeenBatch) {}

  /** Runs the instance in a process, from where the one before has left it. */
  async run(process: Process, activities: IngestActivities): Promise<Ended> {
    const work = this.replay(activities).then(
      (output): Ended => ({ type: 'completed', output }),
      (error: unknown): Ended => ({ type: 'failed', error }),
    );
    return Promise.race([work, process.killed.then((): Ended => ({ type: 'killed' }))]);
  }

  private async replay(activities: IngestActivities): Promise<unknown> {
    let calls = 0;
    const context = {
      df: {
        getInput: () => asSent(this.input),
        setCustomStatus: () => undefined,
        callActivityWithRetry: (name: string, _retry: unknown, input: unknown): Call => ({
          place: calls++,
          name,
          input: asSent(input),
        }),
        Task: { all: (tasks: readonly Call[]) => tasks },
      },
    } as unknown as OrchestrationContext;
    const generator = ingestBatch(context) as unknown as Generator<Task, unknown, unknown>;
    let step = generator.next();
    while (step.done !== true) {
      const task = step.value;
      const perform = (call: Call): Promise<unknown> => this.perform(call, activities);
      step = generator.next('place' in task ? await perform(task) : await Promise.all(task.map(perform)));
    }
    return step.value;
  }

  private async perform(call: Call, activities: IngestActivities): Promise<unknown> {
    for (let attempt = 1; !this.results.has(call.place); attempt++) {
      const activity = activities[call.name as keyof IngestActivities] as (
        input: unknown,
      ) => Promise<unknown>;
      try {
        const result = asSent(await activity(asSent(call.input)));
        // Of two executions the platform keeps the result that it hears of first.
        if (!this.results.has(call.place)) this.results.set(call.place, result);
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
      }
    }
    return asSent(this.results.get(call.place));
  }
}
