import type { Standing } from '../../support/standing';

export const standing: Standing = {
  deviations: [
    {
      what: 'Terminating takes effect at once',
      reason:
        'An orchestrator is not called for its termination, so that one whose worker does not answer ends, too.',
    },
    {
      what: 'While an instance is suspended, nothing is run for it',
      reason: 'Its events wait, and appear in the history when it is resumed.',
    },
    {
      what: 'A task used in two compound tasks is scheduled once',
      reason: 'The platform runs its activity again and may mix up later results.',
    },
    {
      what: 'A rewound instance that had work under way when it failed has it run again',
      reason:
        'The platform loses results that come between the failure and the rewind, and the instance waits for ever.',
    },
    { what: 'With a kept generator no code runs twice', reason: 'Replays in full cost a multiple.' },
    {
      what: 'Purging by a filter leaves instances that have not ended',
      reason: 'The platform removes those too, and with one status forgets the rest of the filter.',
    },
  ],
  notImplemented: ['Entities (`callEntity`, `signalEntity`, `lock`)', '`callHttp`'],
};
