/** Largest message (a batch counts as one): https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas */
export const MAX_MESSAGE_BYTES = 1_048_576;
/** Non-epoch readers of a partition in one consumer group: https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas */
export const MAX_READERS_PER_GROUP = 5;
/** Partitions of a hub in the standard tier: https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas */
export const MAX_PARTITIONS = 32;
/** Connections to a namespace in the standard tier: https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas */
export const MAX_CONNECTIONS = 5_000;
/** The service's default retention in the standard tier is at most 7 days, in milliseconds. */
export const DEFAULT_RETENTION_MS = 7 * 24 * 60 * 60 * 1000;

/** Producer groups that a partition remembers; the one that was idle longest is forgotten first. */
export const MAX_PRODUCER_GROUPS = 10_000;

/** Longest name of a publisher, in bytes; it is a partition key: https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas */
export const MAX_PUBLISHER_BYTES = 128;

/** Frames that this endpoint accepts, in bytes (the service's own value). */
export const MAX_FRAME_BYTES = 65_536;
/** No peer may announce less: http://docs.oasis-open.org/amqp/core/v1.0/amqp-core-transport-v1.0.html#type-open */
export const MIN_PEER_FRAME_BYTES = 512;
export const MAX_SESSIONS_PER_CONNECTION = 5_000;
/** Unacknowledged messages that a publishing link may have under way. */
export const PUBLISH_CREDIT = 2_000;
/** Publishing connections are not read any further while this much waits for the disk. */
export const MAX_QUEUED_BYTES = 64 * 1024 * 1024;
/** A reader gets nothing more while this much waits for its socket. */
export const MAX_SOCKET_BACKLOG_BYTES = 4 * 1024 * 1024;
/** Memory for the newest events of all partitions together; older ones are read from disk. */
export const TAIL_CACHE_BYTES = 64 * 1024 * 1024;
/** Bytes read from disk, or handed to a link, at a time. */
export const READ_CHUNK_BYTES = 512 * 1024;
/** Bytes of events in one group commit. */
export const MAX_GROUP_BYTES = 8 * 1024 * 1024;
export const DEFAULT_SEGMENT_BYTES = 64 * 1024 * 1024;
/** Distance of the entries of a segment's sparse index. */
export const INDEX_STEP_BYTES = 64 * 1024;
