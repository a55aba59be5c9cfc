import { RestError, type BlobGetPropertiesResponse } from '@azure/storage-blob';

/**
 * Whether the service refused with one of these codes.
 * @see https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
 */
export const hasCode = (error: unknown, ...codes: (string | undefined)[]): boolean =>
  error instanceof RestError &&
  codes.includes(error.code ?? (error.details as { errorCode?: string } | undefined)?.errorCode);

export const isMissing = (error: unknown): boolean =>
  hasCode(error, 'BlobNotFound', 'ContainerNotFound') ||
  (error instanceof RestError && error.statusCode === 404);

/**
 * Whether the blob is there, but not for us: whoever may write it may also put it into the archive tier, or encrypt it
 * with a key that we do not have. Such a blob counts as missing.
 */
export const isUnreadable = (error: unknown): boolean =>
  hasCode(error, 'BlobArchived', 'BlobBeingRehydrated', 'BlobUsesCustomerSpecifiedEncryption');

/**
 * Whether the blob is the target of a copy that is not done, or came to nothing: it has a name and a length, but not the
 * content. Such a blob counts as missing, too.
 * @see https://learn.microsoft.com/rest/api/storageservices/get-blob-properties: `x-ms-copy-status`
 */
export const isIncomplete = ({ copyStatus }: Pick<BlobGetPropertiesResponse, 'copyStatus'>): boolean =>
  copyStatus !== undefined && copyStatus !== 'success';

/** A condition on the state of the blob does not hold. */
export const isConditionNotMet = (error: unknown): boolean =>
  error instanceof RestError && error.statusCode === 412;

/** The content is no longer that of the ETag which was asked for: it was written again, or removed. */
export class BlobChanged extends Error {
  /** @param blob container and name */
  constructor(readonly blob: string) {
    super(`The blob ${blob} is not what it was.`);
    this.name = 'BlobChanged';
  }
}
