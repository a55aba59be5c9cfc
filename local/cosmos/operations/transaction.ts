import type { DatabaseSync } from 'node:sqlite';
import { fail, ok, type Outcome } from '../errors';
import type { ContainerRecord } from '../store/resources';
import type { ServiceContext } from './context';
import { applyOperation, type ItemOperation, type ItemResult, type WriteScope } from './write';

/**
 * `atomic`: the first refusal undoes all; `until-failure`: the first refusal ends the run;
 * `each`: operations do not know of each other.
 */
export type TransactionMode = 'atomic' | 'until-failure' | 'each';

function runAll(
  scope: WriteScope,
  operations: readonly ItemOperation[],
  mode: TransactionMode,
): { results: Outcome<ItemResult>[]; failed: boolean } {
  const results: Outcome<ItemResult>[] = [];
  for (const operation of operations) {
    const result = applyOperation(scope, operation);
    results.push(result);
    if (!result.ok && mode !== 'each') return { results, failed: true };
  }
  return { results, failed: false };
}

function runInSavepoint(db: DatabaseSync, run: () => { results: Outcome<ItemResult>[]; failed: boolean }) {
  db.exec('SAVEPOINT batch');
  const outcome = run();
  if (outcome.failed) db.exec('ROLLBACK TO batch');
  db.exec('RELEASE batch');
  return outcome;
}

/**
 * Runs operations on one container in one group commit and resolves when they are durable.
 * With `atomic` the results end with the refusal, if there is one, and nothing is written.
 */
export function inTransaction(
  context: ServiceContext,
  container: ContainerRecord,
  operations: readonly ItemOperation[],
  mode: TransactionMode,
): Promise<Outcome<Outcome<ItemResult>[]>> {
  return context.store.write((db) => {
    const numbers = context.catalog.reserveLsns(db, container.num, operations.length);
    if (!numbers) return fail('NotFound', `Container "${container.id}" does not exist.`);
    const log = numbers.logged ? context.catalog.logs.of(container.num) : undefined;
    let next = numbers.first;
    let end = next + operations.length;
    const nextLsn = (): number => {
      // An operation may delete what has expired, too.
      if (next === end) end += context.catalog.reserveLsns(db, container.num, 1) ? 1 : 0;
      return next++;
    };
    const scope: WriteScope = { container, log, now: context.clock(), nextLsn };
    const run = () => runAll(scope, operations, mode);
    // One operation refuses before it writes: only several need something to return to.
    const outcome = mode === 'atomic' && operations.length > 1 ? runInSavepoint(db, run) : run();
    return ok(outcome.results);
  });
}
