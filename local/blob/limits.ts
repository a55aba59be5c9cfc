/** Limits of the service. Sizes in bytes. */

/** https://learn.microsoft.com/rest/api/storageservices/put-blob#remarks (5,000 MiB since version 2019-12-12) */
export const MAX_PUT_BLOB_SIZE = 5_000 * 1024 * 1024;
/** https://learn.microsoft.com/rest/api/storageservices/put-block#remarks (4,000 MiB since version 2019-12-12) */
export const MAX_BLOCK_SIZE = 4_000 * 1024 * 1024;
/** https://learn.microsoft.com/rest/api/storageservices/put-block#uri-parameters */
export const MAX_BLOCK_ID_SIZE = 64;
/** https://learn.microsoft.com/rest/api/storageservices/put-block-list#remarks */
export const MAX_COMMITTED_BLOCKS = 50_000;
/** https://learn.microsoft.com/rest/api/storageservices/put-block#remarks */
export const MAX_UNCOMMITTED_BLOCKS = 100_000;
/** https://learn.microsoft.com/rest/api/storageservices/put-block#remarks: one week after the last Put Block. */
export const UNCOMMITTED_BLOCK_LIFE_MS = 7 * 24 * 3_600_000;
/** https://learn.microsoft.com/rest/api/storageservices/setting-and-retrieving-properties-and-metadata-for-blob-resources */
export const MAX_METADATA_SIZE = 8 * 1024;
/** https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata */
export const MAX_BLOB_NAME_LENGTH = 1024;
/** https://learn.microsoft.com/rest/api/storageservices/list-blobs#uri-parameters */
export const MAX_LIST_RESULTS = 5_000;
/** https://learn.microsoft.com/rest/api/storageservices/get-blob#request-headers: ranges with a checksum of their own. */
export const MAX_CHECKED_RANGE = 4 * 1024 * 1024;
/** https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key#specifying-the-date-header */
export const MAX_CLOCK_SKEW_MS = 15 * 60_000;
/** https://learn.microsoft.com/rest/api/storageservices/lease-blob#request-headers (seconds) */
export const LEASE_SECONDS = { min: 15, max: 60, breakMax: 60 } as const;

/** https://learn.microsoft.com/rest/api/storageservices/define-stored-access-policy */
export const MAX_STORED_POLICIES = 5;
/** https://learn.microsoft.com/rest/api/storageservices/define-stored-access-policy */
export const MAX_POLICY_ID_LENGTH = 64;
export const MAX_POLICIES_BODY = 16 * 1024;

/** Content up to this size is stored inside SQLite, larger content in a file of its own. */
export const INLINE_CONTENT_SIZE = 64 * 1024;
/** Room for 8 KB of metadata and a long signed URL; Node's default of 16 KB answers 431 before the service's own limit. */
export const MAX_HEADER_SIZE = 64 * 1024;
/** A block list of 50,000 entries with ids of the greatest length. */
export const MAX_BLOCK_LIST_BODY = 8 * 1024 * 1024;
