import { RetryOptions, type OrchestrationContext, type Task } from 'durable-functions';

/** Activities by name, each a function of one input. */
type Activities = { readonly [name: string]: (input: never) => Promise<unknown> };

type Input<A extends Activities, N extends keyof A> = Parameters<A[N]>[0];
type Output<A extends Activities, N extends keyof A> = Awaited<ReturnType<A[N]>>;

export interface ActivityCalls<A extends Activities> {
  /** Runs one activity and gives its result. */
  run<N extends keyof A & string>(name: N, input: Input<A, N>): Generator<Task, Output<A, N>, unknown>;
  /** Runs one activity for every input, `limit` at a time, and gives the results in order. */
  runAll<N extends keyof A & string>(
    name: N,
    inputs: readonly Input<A, N>[],
    limit: number,
  ): Generator<Task, Output<A, N>[], unknown>;
  /** The same with another activity beside the first of them, which counts as one. */
  runAllBeside<M extends keyof A & string, N extends keyof A & string>(
    other: readonly [name: M, input: Input<A, M>],
    name: N,
    inputs: readonly Input<A, N>[],
    limit: number,
  ): Generator<Task, [Output<A, M>, Output<A, N>[]], unknown>;
}

/**
 * Exponential with a cap: 0.5 s, 1 s, 2 s … 30 s, for about four minutes in all. `retryTimeout` stays unset: the
 * platform leaves an instance Running for ever after it.
 */
export function retryOptions(): RetryOptions {
  const options = new RetryOptions(500, 14);
  options.backoffCoefficient = 2;
  options.maxRetryIntervalInMilliseconds = 30_000;
  return options;
}

/** Typed calls of activities: `const x: T = yield …` is checked by nobody, `yield*` of these is. */
export function activityCalls<A extends Activities>(context: OrchestrationContext): ActivityCalls<A> {
  const call = (name: string, input: unknown): Task =>
    context.df.callActivityWithRetry(name, retryOptions(), input);
  function* all(
    calls: readonly (readonly [string, unknown])[],
    limit: number,
  ): Generator<Task, unknown[], unknown> {
    const results: unknown[] = [];
    // Slices bound the fan-out; a task that is shared between two `any`s would run twice.
    for (let start = 0; start < calls.length; start += limit) {
      const slice = calls.slice(start, start + limit).map((one) => call(...one));
      results.push(...((yield context.df.Task.all(slice)) as unknown[]));
    }
    return results;
  }
  return {
    *run(name, input) {
      return (yield call(name, input)) as never;
    },
    *runAll(name, inputs, limit) {
      return (yield* all(
        inputs.map((input) => [name, input] as const),
        limit,
      )) as never;
    },
    *runAllBeside(other, name, inputs, limit) {
      const [first, ...results] = yield* all(
        [other, ...inputs.map((input) => [name, input] as const)],
        limit,
      );
      return [first, results] as never;
    },
  };
}
