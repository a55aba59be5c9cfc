/**
 * Every error code this endpoint answers with: its HTTP status and the text of the XML body.
 *
 * Codes and statuses are the service's own, see
 * https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes and
 * https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes.
 */
const ERRORS = {
  /** The signature, the date or the form of the credentials is wrong. */
  AuthenticationFailed: [
    403,
    'The server could not authenticate the request. Check the Authorization header.',
  ],
  /** The SAS is valid but lacks the permission. */
  AuthorizationPermissionMismatch: [
    403,
    'This request is not authorized to perform this operation using this permission.',
  ],
  /** The SAS is limited to HTTPS. */
  AuthorizationProtocolMismatch: [
    403,
    'This request is not authorized to perform this operation using this protocol.',
  ],
  /** An account SAS whose `srt` does not cover this kind of resource. */
  AuthorizationResourceTypeMismatch: [
    403,
    'This request is not authorized to perform this operation using this resource type.',
  ],
  /** An account SAS whose `ss` does not include `b`. */
  AuthorizationServiceMismatch: [
    403,
    'This request is not authorized to perform this operation using this service.',
  ],
  /** The SAS is limited to other addresses. */
  AuthorizationSourceIPMismatch: [
    403,
    'This request is not authorized to perform this operation using this source IP.',
  ],
  BlobAlreadyExists: [409, 'The specified blob already exists.'],
  BlobNotFound: [404, 'The specified blob does not exist.'],
  BlockCountExceedsLimit: [
    409,
    'The uncommitted block count cannot exceed the maximum limit of 100,000 blocks.',
  ],
  BlockListTooLong: [400, 'The block list may not contain more than 50,000 blocks.'],
  BothCrc64AndMd5HeaderPresent: [400, 'Both the CRC64 and the MD5 header are present; only one is allowed.'],
  /** The source of a copy cannot be read with the credentials given. */
  CannotVerifyCopySource: [403, 'The copy source could not be verified with the credentials given.'],
  ConditionNotMet: [412, 'The condition specified using HTTP conditional header(s) is not met.'],
  ContainerAlreadyExists: [409, 'The specified container already exists.'],
  ContainerNotFound: [404, 'The specified container does not exist.'],
  Crc64Mismatch: [
    400,
    'The CRC64 value specified in the request did not match the CRC64 calculated by the server.',
  ],
  /** The store is damaged or failed; details are in the log of the process, never in the answer. */
  InternalError: [500, 'The server encountered an internal error. Details are in its log.'],
  /** No space is left. 507 and not 500, because the SDK retries 500 at once and in vain. */
  InsufficientStorage: [507, 'No space is left on the disk of the store; nothing was written.'],
  /** Block ids are base64, at most 64 bytes decoded, and of equal length within a blob. */
  InvalidBlobOrBlock: [400, 'The specified blob or block content is invalid.'],
  InvalidBlockId: [400, 'The specified block ID is invalid. The block ID must be Base64-encoded.'],
  InvalidBlockList: [400, 'The specified block list is invalid.'],
  InvalidHeaderValue: [400, 'The value for one of the HTTP headers is not in the correct format.'],
  InvalidInput: [400, 'One of the request inputs is not valid.'],
  InvalidMd5: [
    400,
    'The MD5 value specified in the request is invalid. It must be 128 bits and Base64-encoded.',
  ],
  InvalidMetadata: [400, 'The metadata specified is invalid. Names must be unique C# identifiers.'],
  InvalidQueryParameterValue: [
    400,
    'Value for one of the query parameters specified in the request URI is invalid.',
  ],
  InvalidRange: [416, 'The range specified is invalid for the current size of the resource.'],
  InvalidResourceName: [
    400,
    'The specified resource name contains invalid characters or has an invalid length.',
  ],
  InvalidUri: [400, 'The requested URI does not represent any resource on the server.'],
  InvalidXmlDocument: [400, 'The specified XML is not syntactically valid or not of the expected form.'],
  LeaseAlreadyBroken: [409, 'The lease has already been broken and cannot be broken again.'],
  LeaseAlreadyPresent: [409, 'There is already a lease present.'],
  LeaseIdMismatchWithBlobOperation: [412, 'The lease ID specified did not match the lease ID for the blob.'],
  LeaseIdMismatchWithContainerOperation: [
    412,
    'The lease ID specified did not match the lease ID for the container.',
  ],
  LeaseIdMismatchWithLeaseOperation: [409, 'The lease ID specified did not match the lease ID for the blob.'],
  LeaseIdMissing: [
    412,
    'There is currently a lease on the blob and no lease ID was specified in the request.',
  ],
  LeaseIsBreakingAndCannotBeAcquired: [
    409,
    'The lease is breaking and cannot be acquired until it is broken.',
  ],
  LeaseIsBreakingAndCannotBeChanged: [409, 'The lease is breaking and cannot be changed.'],
  LeaseIsBrokenAndCannotBeRenewed: [409, 'The lease has been broken explicitly and cannot be renewed.'],
  LeaseLost: [412, 'A lease ID was specified, but the lease for the blob has expired.'],
  LeaseNotPresentWithBlobOperation: [412, 'There is currently no lease on the blob.'],
  LeaseNotPresentWithContainerOperation: [412, 'There is currently no lease on the container.'],
  LeaseNotPresentWithLeaseOperation: [409, 'There is currently no lease on the blob.'],
  Md5Mismatch: [
    400,
    'The MD5 value specified in the request did not match the MD5 value calculated by the server.',
  ],
  MetadataTooLarge: [400, 'The size of the specified metadata exceeds the maximum size permitted (8 KB).'],
  MissingContentLengthHeader: [411, 'The Content-Length header was not specified.'],
  MissingRequiredHeader: [400, 'An HTTP header that is mandatory for this request is not specified.'],
  MissingRequiredQueryParameter: [
    400,
    'A query parameter that is mandatory for this request is not specified.',
  ],
  /** The request carries no credentials; containers are never public here. */
  NoAuthenticationInformation: [401, 'Server failed to authenticate the request: it carries no credentials.'],
  /** A part of the protocol that this endpoint does not have. */
  NotImplemented: [501, 'The local Blob endpoint does not implement this operation.'],
  NotModified: [304, 'The condition specified using HTTP conditional header(s) is not met.'],
  OutOfRangeInput: [400, 'One of the request inputs is out of range.'],
  OutOfRangeQueryParameterValue: [
    400,
    'A query parameter specified in the request URI is outside the permissible range.',
  ],
  PublicAccessNotPermitted: [409, 'Public access is not permitted on this storage account.'],
  RequestBodyTooLarge: [413, 'The request body is too large and exceeds the maximum permissible limit.'],
  ResourceNotFound: [404, 'The specified resource does not exist.'],
  /** The service is stopping. */
  ServerBusy: [503, 'The server is stopping.'],
  /** As ConditionNotMet, of a copy: on its source or on its target. */
  SourceConditionNotMet: [412, 'The source condition specified using HTTP conditional header(s) is not met.'],
  TargetConditionNotMet: [412, 'The target condition specified using HTTP conditional header(s) is not met.'],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type BlobErrorCode = keyof typeof ERRORS;

/** An expected refusal, returned by operations instead of an answer. */
export interface Failure {
  readonly error: BlobErrorCode;
  /** What exactly is wrong, added to the code's standard text. */
  readonly detail?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Makes a {@link Failure}. */
export function fail(error: BlobErrorCode, detail?: string, headers?: Record<string, string>): Failure {
  return { error, ...(detail === undefined ? {} : { detail }), ...(headers ? { headers } : {}) };
}

/** Whether the value is a {@link Failure}. */
export function failed(value: unknown): value is Failure {
  return typeof value === 'object' && value !== null && 'error' in value;
}

/** HTTP status and full text of a failure. */
export function describe(failure: Failure): { status: number; message: string } {
  const [status, message] = ERRORS[failure.error];
  return { status, message: failure.detail === undefined ? message : `${message} ${failure.detail}` };
}
