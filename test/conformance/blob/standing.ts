import type { Standing } from '../../support/standing';

export const standing: Standing = {
  deviations: [
    { what: 'Deleting a container', reason: 'Nobody needs to wait for the name.' },
    { what: 'Containers are private', reason: 'As on an account that forbids public access.' },
    { what: 'Stored access policies', reason: 'There is nothing to wait for.' },
  ],
  notImplemented: [
    'append blobs, page blobs',
    'snapshots, versions, soft delete, tags',
    'batches, Set Blob Service Properties',
  ],
};
