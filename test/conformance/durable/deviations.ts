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
    | {
        status: number;
        runtimeStatus?: string;
        events?: string[];
        output?: unknown;
        /** The ids that a list has. */
        instances?: string[];
      }
    /** The events of tasks that ran side by side come in any order. */
    | 'historyInAnyOrder';
  /** What is done after it, so that the exchanges that follow meet what they met on the platform. */
  afterwards?: 'hubIsEmptied';
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

const ENDED_ONLY =
  'Purging by a filter leaves instances that have not ended, whatever the filter. The platform removes those too, and ' +
  'with `runtimeStatus=Running` forgets the rest of the filter.';
const NO_ENTITIES =
  'Entities are not supported yet: requests for them are answered 501, and orchestrators that use them fail with a text.';
const NO_CALL_HTTP = '`callHttp` is not supported yet: an orchestrator that uses it fails with a text.';
const OTHER_NAME =
  'Another activity name goes unnoticed; the platform then has two events for one task and cannot show the history.';
const NOTHING_MORE =
  'The episode in which an orchestrator turns out not to do the same again schedules nothing; the platform still ' +
  'schedules what it asks for there.';

const fails = (name: string, what: string): { status: number; runtimeStatus: string; output: string } => ({
  status: 200,
  runtimeStatus: 'Failed',
  output: `Orchestrator function '${name}' failed: ${what} is not supported here yet.`,
});

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
  { scenario: '15-purge', label: 'Running only', ours: { status: 404 }, reason: ENDED_ONLY },
  {
    scenario: '15-purge',
    label: 'list after',
    ours: {
      status: 200,
      instances: [
        ...['c0', 'c1', 'c2', 'c3', 'c4', 's0', 't0', 'w0'].map((n) => `lstmwr6xr37-${n}`),
        'othermwr6xr37',
      ],
    },
    afterwards: 'hubIsEmptied',
    reason: ENDED_ONLY,
  },
  ...[
    'GET unknown entity',
    'signal add',
    'GET state',
    'GET state lower-case name',
    'GET state#2',
    'list entities',
    'list of a name',
    'list of a name, top 1',
    'signal unknown entity name',
    'signal no op',
    'signal no body',
    'GET state#3',
    'signal text',
    'signal destroy',
    'GET destroyed',
  ].map((label): HttpDeviation => ({
    scenario: '16-entities',
    label,
    ours: { status: 501 },
    reason: NO_ENTITIES,
  })),
  ...['signalEntity', 'callEntity', 'lock'].map((what, index): HttpDeviation => ({
    scenario: '16-entities',
    label: index === 0 ? 'final status with history' : `final status with history#${index + 1}`,
    ours: fails(['EntityOrch', 'EntityFail', 'EntityLock'][index] ?? '', what),
    reason: NO_ENTITIES,
  })),
  {
    scenario: '16-entities',
    label: 'instance view of an entity',
    ours: { status: 404 },
    reason: NO_ENTITIES,
  },
  ...['', '#2', '#3', '#4'].map((n): HttpDeviation => ({
    scenario: '17-call-http',
    label: `final status with history${n}`,
    ours: fails('Http', 'callHttp'),
    reason: NO_CALL_HTTP,
  })),
  {
    scenario: '18-replays',
    label: 'final status with history',
    onlyKept: true,
    ours: { status: 200, runtimeStatus: 'Completed' },
    reason:
      'An orchestrator that stores `isReplaying` sees it as it was when its code ran: with a kept generator no code ' +
      'runs twice.',
  },
  ...['SDK readEntityState', 'SDK signalEntity'].map((label): HttpDeviation => ({
    scenario: '19-sdk-client',
    label,
    ours: { status: 501 },
    reason: NO_ENTITIES,
  })),
  {
    scenario: '21-non-determinism',
    label: 'final (or after 6 s)',
    ours: { status: 200, runtimeStatus: 'Completed', output: 'Hello second' },
    reason: OTHER_NAME,
  },
  ...(
    [
      ['#2', 'NonDetKind'],
      ['#4', 'NonDetMore'],
    ] as const
  ).map(([n, name]): HttpDeviation => ({
    scenario: '21-non-determinism',
    label: `final (or after 6 s)${n}`,
    ours: {
      status: 200,
      runtimeStatus: 'Failed',
      events: [`ExecutionStarted ${name}`, 'TaskCompleted Hello Hello x', 'ExecutionCompleted'],
    },
    reason: NOTHING_MORE,
  })),
  {
    scenario: '24-pending-and-version',
    label: 'unknown function, after 1.5 s',
    ours: {
      status: 200,
      runtimeStatus: 'Failed',
      output:
        "Orchestrator function 'Nowhere' failed: The function 'Nowhere' doesn't exist, is disabled, or is not an orchestrator function.",
    },
    reason: 'The failure of an unknown orchestrator does not list the known ones.',
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
  { scenario: '21-non-determinism', name: 'NonDetActivity', compared: 'nothing', reason: OTHER_NAME },
  { scenario: '21-non-determinism', name: 'NonDetKind', compared: 'nothing', reason: NOTHING_MORE },
];
