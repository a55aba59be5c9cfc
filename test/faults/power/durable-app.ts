import { openEngine, type DurableEngine } from '../../../local/durable';
import { InProcessRunner } from '../../support/durable-host';
import { loadSdk } from '../../support/durable-sdk';

/** The event that every instance waits for, and what it gives. */
export const EVENT = 'Go';
export const EVENT_VALUE = 9;
const STEPS = [1, 2, 3];
/** What each instance returns in the end. */
export const OUTPUT = String(STEPS.reduce((sum, step) => sum + step, 0) + EVENT_VALUE);

/** `Work`: activities, a sub-orchestration, a timer, and an event that it waits for. */
function register(): void {
  const df = loadSdk();
  df.app.activity('Step', { handler: (step: number) => step });
  df.app.orchestration('Sub', function* (context) {
    return (yield context.df.callActivity('Step', 3)) as number;
  });
  df.app.orchestration('Work', function* (context) {
    const { df: durable } = context;
    let sum = Number(yield durable.callActivity('Step', 1));
    sum += Number(yield durable.callActivity('Step', 2));
    sum += Number(yield durable.callSubOrchestrator('Sub'));
    yield durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 5));
    sum += Number(yield durable.waitForExternalEvent(EVENT));
    return sum;
  });
}

let isRegistered = false;

/** The engine on a store, with the orchestration `Work`. */
export function openPowerEngine(file: string): DurableEngine {
  if (!isRegistered) register();
  isRegistered = true;
  const engine = openEngine({ file, runner: new InProcessRunner() });
  engine.start();
  return engine;
}
