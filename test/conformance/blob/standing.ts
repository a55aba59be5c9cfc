import type { Standing } from '../../support/standing';

export const standing: Standing = {
  deviations: [
    { what: '**Redundancy**', reason: 'There is one disk.' },
    { what: 'Deleting a container', reason: 'Nobody needs to wait for the name.' },
    {
      what: '**Copies** are complete when they are answered',
      reason: 'They share the bytes of their source: there is nothing to wait for.',
    },
    { what: 'Containers are private', reason: 'As on an account that forbids public access.' },
    { what: 'Stored access policies', reason: 'There is nothing to wait for.' },
    { what: '**Throughput** has no quota', reason: 'A laptop has no quota.' },
    {
      what: '**Uncommitted blocks** older than a week',
      reason: 'One that is kept for longer harms nobody: the service removes it after a week.',
    },
    { what: '**A full disk**', reason: 'The real service has none.' },
    {
      what: 'its CRC64 only when the request has one',
      reason: 'Clients check one when they have sent one.',
    },
    {
      what: 'Markers of lists have another form, and HTTPS is not served',
      reason: 'Nobody may look into a marker; the endpoint is on loopback.',
    },
  ],
  notImplemented: [
    'append blobs, page blobs',
    'snapshots, versions, soft delete, tags',
    'sources of copies (and of Put Blob and Put Block From URL) on other hosts',
    'access tiers other than Hot',
    'batches, Set Blob Service Properties',
    'Microsoft Entra ID tokens, user delegation SAS',
    'SAS for a directory, snapshot or version, SharedKeyLite',
  ],
};
