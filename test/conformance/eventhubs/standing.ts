import type { Standing } from '../../support/standing';

export const standing: Standing = {
  deviations: [
    { what: 'One key with all rights', reason: 'Hubs and consumer groups come from the options.' },
    { what: 'There are no throughput units', reason: 'A laptop has no quota.' },
  ],
  notImplemented: ['idempotent publishing', 'publisher policies'],
};
