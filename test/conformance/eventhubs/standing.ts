import type { Standing } from '../../support/standing';

export const standing: Standing = {
  deviations: [
    { what: 'One key with all rights', reason: 'Hubs and consumer groups come from the options.' },
    { what: 'There are no throughput units', reason: 'A laptop has no quota.' },
    {
      what: 'A producer group that the endpoint does not know',
      reason: 'A client that keeps its state can go on after the store was removed.',
    },
  ],
  notImplemented: ['Microsoft Entra tokens', 'AMQP over WebSockets', 'Capture'],
};
