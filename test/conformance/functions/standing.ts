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
    {
      what: '**On Azure it is skipped**',
      reason:
        'A change that is lost while an app is being written helps nobody. The log says each time what Azure would do.',
    },
    {
      what: 'There is no load balancing',
      reason: 'One host listens to everything, and a second function on the same leases is refused.',
    },
    {
      what: 'more than 512 MiB of bodies in memory together',
      reason: 'A laptop has other work for its memory.',
    },
  ],
  notImplemented: [
    'Output bindings other than HTTP, Event Hubs, Cosmos DB and blob',
    "the fields of a trigger's body",
    'physical ranges that split while they are read',
    'There are no identities here',
    '`transportType`, `clientRetryOptions`',
    'Keys of single functions; the key management API',
    '`WEBSITE_TIME_ZONE`',
  ],
};
