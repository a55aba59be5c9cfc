/**
 * Where this engine answers otherwise than the recorded platform, and why. Data, so that each deviation is stated
 * and checked: the suite fails when one of them is no longer true.
 */
export interface HttpDeviation {
  scenario: string;
  /** Label of the exchange in the recording; the second one of a name is `label#2`. */
  label: string;
  /** Only when generators are kept. */
  onlyKept?: true;
  ours:
    | { status: number; runtimeStatus?: string; events?: string[]; output?: unknown }
    /** The events of tasks that ran side by side come in any order. */
    | 'historyInAnyOrder';
  reason: string;
}

export interface CallDeviation {
  scenario: string;
  /** Name of the orchestrator. */
  name: string;
  /** How far its calls are still compared. */
  compared: 'nothing' | 'eventsOfLastCalls';
  reason: string;
}

const SIDE_BY_SIDE = 'Tasks that run side by side complete in any order, and in one episode or several.';
const BATCHES = 'Events that are raised shortly after each other come in one episode or in several.';
const AT_ONCE =
  'Terminating takes effect at once; the recorded instance had ended before its termination was read.';
const NOT_AGAIN =
  'A task that is used in two compound tasks is scheduled once; the platform schedules its activity again, and may ' +
  'then mix up later results. A warning says so.';
const NOT_CALLED =
  'An orchestrator is not called for its termination: it ends at once, also when its worker does not answer.';
const AFTER_RESUME =
  'While an instance is suspended its events wait; the history shows them after it was resumed.';

const slow = (result: string): string => `TaskCompleted Slow ${result}`;

export const httpDeviations: HttpDeviation[] = [
  ...['', '#2'].map((n): HttpDeviation => ({
    scenario: '03-fan-out',
    label: `final status with history${n}`,
    ours: 'historyInAnyOrder',
    reason: SIDE_BY_SIDE,
  })),
  ...(
    [
      ['03-fan-out', 'final status with history#3'],
      ['18-replays', 'final status with history#3'],
    ] as const
  ).map(([scenario, label]): HttpDeviation => ({
    scenario,
    label,
    ours: {
      status: 200,
      runtimeStatus: 'Completed',
      events: ['ExecutionStarted AnyAll', slow('slept 200'), slow('slept 1500'), 'ExecutionCompleted'],
      output: { first: true, r: ['slept 200', 'slept 1500'] },
    },
    reason: NOT_AGAIN,
  })),
  {
    scenario: '05-retry',
    label: 'final status with history#4',
    ours: 'historyInAnyOrder',
    reason: SIDE_BY_SIDE,
  },
  {
    scenario: '08-sub-orchestrations',
    label: 'final status with history#8',
    ours: 'historyInAnyOrder',
    reason: SIDE_BY_SIDE,
  },
  {
    scenario: '11-status',
    label: 'Suspended showHistory',
    ours: { status: 202, runtimeStatus: 'Suspended', events: ['ExecutionStarted Waiter'] },
    reason: AFTER_RESUME,
  },
  {
    scenario: '13-operations',
    label: '[pending] status after terminate',
    ours: { status: 200, runtimeStatus: 'Terminated' },
    reason: AT_ONCE,
  },
  {
    scenario: '18-replays',
    label: 'final status with history',
    onlyKept: true,
    ours: { status: 200, runtimeStatus: 'Completed' },
    reason:
      'An orchestrator that stores `isReplaying` sees it as it was when its code ran: with a kept generator no code ' +
      'runs twice.',
  },
];

export const callDeviations: CallDeviation[] = [
  { scenario: '03-fan-out', name: 'FanOut', compared: 'eventsOfLastCalls', reason: SIDE_BY_SIDE },
  { scenario: '03-fan-out', name: 'FanOutFail', compared: 'nothing', reason: SIDE_BY_SIDE },
  { scenario: '03-fan-out', name: 'AnyAll', compared: 'nothing', reason: NOT_AGAIN },
  { scenario: '05-retry', name: 'RetryTwoThenActivity', compared: 'eventsOfLastCalls', reason: SIDE_BY_SIDE },
  { scenario: '08-sub-orchestrations', name: 'SubFan', compared: 'eventsOfLastCalls', reason: SIDE_BY_SIDE },
  { scenario: '09-continue-as-new', name: 'CanEvents', compared: 'eventsOfLastCalls', reason: BATCHES },
  { scenario: '11-status', name: 'Waiter', compared: 'nothing', reason: `${NOT_CALLED} ${AFTER_RESUME}` },
  { scenario: '18-replays', name: 'AnyAll', compared: 'nothing', reason: NOT_AGAIN },
];
