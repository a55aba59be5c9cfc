import { json, type Handler } from '../http';

/**
 * Lets only one run at a time: who asks while one is under way gets the next one, together with everybody else who asks
 * meanwhile. So an answer is never older than the question.
 */
export function oneAtATime<T>(run: () => Promise<T>): () => Promise<T> {
  let running: Promise<void> | undefined;
  let next: Promise<T> | undefined;
  const start = (): Promise<T> => {
    const result = run();
    const ended = (): void => {
      running = undefined;
    };
    running = result.then(ended, ended);
    return result;
  };
  return () => {
    if (!running && !next) return start();
    next ??= (running ?? Promise.resolve()).then(() => {
      next = undefined;
      return start();
    });
    return next;
  };
}

/** `GET /api/ledger`: whether everything that was accepted is accounted for. */
export function createGetLedger(count: () => Promise<object>): Handler {
  const counted = oneAtATime(count);
  return async () => json(200, await counted());
}
