import type { Standing } from '../../support/standing';

export const standing: Standing = {
  deviations: [
    {
      what: 'Keys are always checked',
      reason: 'An app that is open here by mistake would be found closed on Azure only.',
    },
  ],
  notImplemented: ['HTTP streams', 'Output bindings other than the HTTP response', '`AllVersionsAndDeletes`'],
};
