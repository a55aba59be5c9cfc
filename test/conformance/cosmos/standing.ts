import type { Standing } from '../../support/standing';

export const standing: Standing = {
  deviations: [
    { what: 'Consistency is strong', reason: 'There is one process.' },
    {
      what: 'charges of queries and of the change feed are estimates',
      reason: 'What they depend on is not published.',
    },
    {
      what: 'An indexing policy is kept and shown, but has no effect',
      reason: 'Indexes are made as queries need them.',
    },
  ],
  notImplemented: [
    'the change feed with all versions and deletes',
    'unique keys',
    'computed properties',
    'stored procedures, triggers, user-defined functions',
    'users, permissions and resource tokens',
  ],
};
