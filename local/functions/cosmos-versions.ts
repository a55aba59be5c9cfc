import type { RawChanges } from './cosmos-feed-http';

/** An entry of the feed of all versions and deletes, as the store sends it. */
interface Entry {
  readonly current?: unknown;
  readonly metadata: Record<string, unknown>;
}

/**
 * The entries as a function gets them. On the platform they pass through the `ChangeFeedItem` of the .NET SDK, so that
 * each has a `current`, null after a deletion, and in its metadata the fields whose type there has no null.
 * https://learn.microsoft.com/javascript/api/@azure/functions/cosmosdbv4changefeeditem
 */
export function changeFeedItems({ utf8, count }: RawChanges): RawChanges {
  const entries = JSON.parse(utf8.toString('utf8')) as Entry[];
  const items = entries.map(({ current = null, metadata, ...others }) => ({
    current,
    ...others,
    metadata: { previousImageLSN: 0, timeToLiveExpired: false, ...metadata },
  }));
  return { utf8: Buffer.from(JSON.stringify(items)), count };
}
