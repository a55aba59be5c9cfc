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
    {
      what: '**429** is answered only with `enforceThroughput` on',
      reason: 'An app under development is not to wait for what it would pay for.',
    },
    {
      what: 'The log of versions begins with its first reader',
      reason: 'It costs each write as much again, and nobody can have a continuation from before.',
    },
    {
      what: 'Index metrics (`populateIndexMetrics`), priority levels, throughput buckets, and the options of the integrated cache have no effect',
      reason: 'They are about the work of machines that are not there.',
    },
    {
      what: 'Of the times in query metrics',
      reason: 'A query is not taken apart into the steps of the service; it is compiled and then executed.',
    },
    {
      what: 'Distances are computed by Vincenty',
      reason: 'The formula of the service is not published.',
    },
  ],
  notImplemented: [
    'computed properties',
    'stored procedures, triggers, user-defined functions',
    'users, permissions and resource tokens',
    'spatial functions other than the distance of points',
    'vector and full-text functions',
    'regular expressions (`REGEXMATCH`)',
    '`DOCUMENTID` and `DATETIMEFORMAT`',
    'client encryption policies and keys',
    'materialised views',
    'the analytical store',
    'The constants `NaN` and `Infinity`',
  ],
};
