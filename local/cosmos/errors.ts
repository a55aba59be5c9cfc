/**
 * What a request can be refused with. The names are those of the service's error bodies
 * (https://learn.microsoft.com/rest/api/cosmos-db/http-status-codes-for-cosmosdb).
 */
export type ErrorCode =
  /** 400: malformed request, query or item. */
  | 'BadRequest'
  /** 401: no credentials or a signature that does not match. */
  | 'Unauthorized'
  /** 403: the signature matches, but was made too long ago. */
  | 'Forbidden'
  /** 404: the resource, or its owner, does not exist. */
  | 'NotFound'
  /** 405: the path exists, the verb does not. */
  | 'MethodNotAllowed'
  /** 409: the id is taken. */
  | 'Conflict'
  /** 410: the partition key range does not exist. */
  | 'Gone'
  /** 412: the ETag condition does not hold. */
  | 'PreconditionFailed'
  /** 413: the item or the request is too large. */
  | 'RequestEntityTooLarge'
  /** 417: the request expects what no server can do. */
  | 'ExpectationFailed'
  /** 424: another operation of the same batch failed. */
  | 'FailedDependency'
  /** 429: more request units than provisioned. */
  | 'TooManyRequests'
  /** 431: more headers than any client sends. */
  | 'RequestHeaderFieldsTooLarge'
  /** 500: a fault of this server. */
  | 'InternalServerError'
  /** 501: the real service can do it, this endpoint cannot. */
  | 'NotImplemented'
  /** 507: the disk is full; nothing of the request was applied. */
  | 'InsufficientStorage';

const STATUS: Record<ErrorCode, number> = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  Conflict: 409,
  Gone: 410,
  PreconditionFailed: 412,
  RequestEntityTooLarge: 413,
  ExpectationFailed: 417,
  FailedDependency: 424,
  TooManyRequests: 429,
  RequestHeaderFieldsTooLarge: 431,
  InternalServerError: 500,
  NotImplemented: 501,
  InsufficientStorage: 507,
};

/** A refusal, on its way to the client. */
export interface Failure {
  readonly ok: false;
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly substatus?: number;
  readonly retryAfterMs?: number;
}

/** A result, or the reason why there is none. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | Failure;

export function ok<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

/** Builds a refusal; `substatus` goes to `x-ms-substatus`, `retryAfterMs` to `x-ms-retry-after-ms`. */
export function fail(
  code: ErrorCode,
  message: string,
  extra: { substatus?: number; retryAfterMs?: number } = {},
): Failure {
  return { ok: false, status: STATUS[code], code, message, ...extra };
}

/** Substatus of 400: the item's partition key is not the one of the request. */
export const SUBSTATUS_PARTITION_KEY_MISMATCH = 1001;
/** Substatus of 429: the container's request rate is too large. */
export const SUBSTATUS_THROTTLED = 3200;
/** Substatus of 410: the partition key range is gone. */
export const SUBSTATUS_RANGE_GONE = 1002;
