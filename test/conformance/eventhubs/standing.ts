import type { Standing } from '../../support/standing';

export const standing: Standing = {
  deviations: [
    { what: 'One key with all rights', reason: 'Hubs and consumer groups come from the options.' },
    {
      what: 'removes whole segments (64 MiB)',
      reason: 'An event that is kept too long harms nobody, and a segment goes in one step.',
    },
    { what: 'There are no throughput units', reason: 'A laptop has no quota.' },
    {
      what: 'A producer group that the endpoint does not know',
      reason: 'A client that keeps its state can go on after the store was removed.',
    },
    {
      what: 'All events are read once at the start',
      reason: 'Damage is found before anything is built on it.',
    },
  ],
  notImplemented: [
    'Microsoft Entra tokens',
    'other management operations than reading',
    'AMQP over WebSockets',
    'Kafka',
    'Capture',
    'the schema registry',
    'geo-replication and application groups',
  ],
};
