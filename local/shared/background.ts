import { constants, setPriority } from 'node:os';
import { log } from './log';

/** Gives a process that was just started less of the processor than others get, where they want it at the same time. */
export function toBackground(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch (error) {
    // It has ended already, or the system does not allow it: it works all the same.
    log('supervisor', `process ${pid} keeps its priority: ${(error as Error).message}`);
  }
}
