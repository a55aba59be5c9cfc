import type { DatabaseSync } from 'node:sqlite';
import { fail, ok, type Failure, type Outcome } from '../errors';
import type { ContainerRecord } from '../store/resources';
import type { ServiceContext } from './context';
import { applyOperation, type ItemOperation, type ItemResult, type WriteScope } from './write';

/**
 * `atomic`: the first refusal undoes all; `until-failure`: the first refusal ends the run;
 * `each`: operations do not know of each other.
 */
export type TransactionMode = 'atomic' | 'until-failure' | 'each';

/** Refuses the next operation, by what those before it in the same request have cost. */
export type Admit = (charged: number) => Failure | undefined;

function runAll(
  scope: WriteScope,
  operations: readonly ItemOperation[],
  mode: TransactionMode,
  admit?: Admit,
): { results: Outcome<ItemResult>[]; failed: boolean } {
  const results: Outcome<ItemResult>[] = [];
  let charged = 0;
  for (const operation of operations) {
    const result = admit?.(charged) ?? applyOperation(scope, operation);
    if (result.ok) charged += result.value.charge;
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
  admit?: Admit,
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
    const run = () => runAll(scope, operations, mode, admit);
    // One operation refuses before it writes: only several need something to return to.
    const outcome = mode === 'atomic' && operations.length > 1 ? runInSavepoint(db, run) : run();
    return ok(outcome.results);
  });
}
