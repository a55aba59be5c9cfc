import type { InvocationContext } from '@azure/functions';
import { createRebuildVerdicts } from '../../activities/ingest/rebuildVerdicts';
import { walkBatches, type Walked } from '../../activities/ledger/walk';
import type { Batch } from '../../domain/ingest/batch';
import type { TriggerDeps } from './deps';

/** Batches looked at in one run, and verdict files taken at a time; the next run goes on. */
const BATCHES = 200;
const FILES = 500;

/**
 * Goes round all batches, some at a time, and makes verdict files again that closed batches lack. May run twice, and
 * beside the batches.
 */
export function createSweepVerdicts(
  deps: TriggerDeps,
): (timer: unknown, context: InvocationContext) => Promise<void> {
  const rebuild = createRebuildVerdicts(deps);
  let walk: AsyncGenerator<Walked> | undefined;
  const tend = async (batch: Batch, chunk: number, context: InvocationContext): Promise<void> => {
    const name = `The verdict file of chunk ${chunk} of batch ${batch.id}`;
    try {
      // What cannot be made again is not said here, in every round: the ledger names it.
      if ((await rebuild(batch, chunk)) === 'rebuilt')
        context.warn(`${name} was missing; it was made again.`);
    } catch (error) {
      // One that cannot be made must not keep the others waiting.
      context.error(`${name} is missing and could not be made again: ${String(error)}`);
    }
  };
  return async (_timer, context) => {
    walk ??= walkBatches(deps, FILES);
    try {
      for (let seen = 0; seen < BATCHES; seen++) {
        const { value, done } = await walk.next();
        if (done === true) {
          walk = undefined;
          return;
        }
        if (value.type === 'fault') continue;
        for (const { code, chunk } of value.check.faults)
          if (code === 'missing-verdicts' && chunk !== undefined) await tend(value.batch, chunk, context);
      }
    } catch (error) {
      walk = undefined;
      throw error;
    }
  };
}
