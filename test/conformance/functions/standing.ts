import type { Standing } from '../../support/standing';

export const standing: Standing = {
  deviations: [
    {
      what: 'Keys are checked, as on Azure, though the Core Tools check none',
      reason: 'An app that is open here by mistake would be found closed on Azure only.',
    },
    {
      what: 'after 230 s, the limit of Azure',
      reason: 'There is no load balancer here that would give up.',
    },
    {
      what: 'kept on loopback',
      reason: 'There is no sandbox around a worker here.',
    },
  ],
  notImplemented: [
    'Output bindings other than HTTP, Event Hubs, Cosmos DB and blob',
    "the fields of a trigger's body",
    'physical ranges that split while they are read',
  ],
};
