/**
 * Every error that the API answers, by its stable code. `docs/errors.md` is the same table for people, and a
 * test compares the two. The format is RFC 9457 (https://www.rfc-editor.org/rfc/rfc9457).
 */
export const problems = {
  /** The body is not what its content type says; `line` and `record` name the place. */
  'malformed-body': { status: 400, title: 'The body cannot be read' },
  /** Members of a subscription that are not valid; `errors` names every one. */
  'invalid-subscription': { status: 400, title: 'The subscription is not valid' },
  /** As `invalid-subscription`, when nothing but the filter is wrong. */
  'invalid-filter': { status: 400, title: 'The filter is not valid' },
  /** A batch without a single record. */
  'empty-batch': { status: 400, title: 'The batch holds no record' },
  /** Records that do not satisfy their schema, at the records door; `records` names every error of every one. */
  'invalid-records': { status: 400, title: 'The records are not valid' },
  /** Items of a re-drive that name no record which could be re-driven; `errors` names every one. */
  'invalid-redrive': { status: 400, title: 'The re-drive is not valid' },
  /** A query parameter, header or member of the body has a value that is not allowed. */
  'invalid-parameter': { status: 400, title: 'A parameter is not valid' },
  /** No token of a subscription, or one that opens none. */
  'invalid-token': { status: 401, title: 'The token does not open a subscription' },
  /** A signed link was altered, or used for another batch or operation than it was made for. */
  'invalid-signature': { status: 403, title: 'The link does not open this batch' },
  /** The token is not the one that the receiver was sent. */
  'invalid-confirmation': { status: 403, title: 'The token does not confirm this subscription' },
  /** No data set of this name has a schema. */
  'unknown-dataset': { status: 404, title: 'There is no such data set' },
  /** No schema of this version is deployed, nor was one kept. */
  'unknown-schema': { status: 404, title: 'There is no such version of the schema' },
  /** No batch with this id was ever accepted. */
  'unknown-batch': { status: 404, title: 'There is no such batch' },
  /** No record was given this id at the records door. */
  'unknown-record': { status: 404, title: 'There is no such record' },
  /** No upload has this id, nothing was put there yet, or it was removed. */
  'unknown-upload': { status: 404, title: 'There is no such upload' },
  /** No subscription has this id, or it was deleted. */
  'unknown-subscription': { status: 404, title: 'There is no such subscription' },
  /** No record with this key has landed. */
  'unknown-document': { status: 404, title: 'There is no such document' },
  /** Nothing was ever owed about this key. */
  'unknown-delivery': { status: 404, title: 'There is no such delivery' },
  /** Neither a repair that runs, nor the last one of its kind. */
  'unknown-repair': { status: 404, title: 'There is no such repair' },
  /** The batch is closed: there is nothing left to terminate. */
  'batch-closed': { status: 410, title: 'The batch is closed' },
  /** The newest record with this key was a deletion. */
  'document-deleted': { status: 410, title: 'The document was deleted' },
  /** The batch is not closed yet: what becomes of its records is not known. */
  'batch-open': { status: 409, title: 'The batch is still open' },
  /** No record of the batch has the verdict that is to be re-driven. */
  'nothing-to-redrive': { status: 409, title: 'There is nothing to re-drive' },
  /** A request with the same idempotency key is being received at this moment. */
  'idempotency-key-in-use': { status: 409, title: 'The first request with this key is still being received' },
  /** The receiver has not allowed requests to its address. */
  'consent-missing': { status: 409, title: 'The receiver has not consented' },
  /** The stored secret was encrypted with another key than the configured one. */
  'secret-unreadable': { status: 409, title: 'The signing secret cannot be read' },
  /** As many subscriptions as are configured. */
  'too-many-subscriptions': { status: 409, title: 'There are too many subscriptions' },
  /** The delivery waits for nothing and was not given up. */
  'nothing-to-retry': { status: 409, title: 'There is nothing to try again' },
  /** A repair of the same kind runs for the subscription; `id` names it. */
  'repair-running': { status: 409, title: 'A repair of this kind is running' },
  /** `If-Match` names another state than the present one. */
  'subscription-changed': { status: 412, title: 'The subscription has changed' },
  /** More bytes than a request of this kind may have. */
  'body-too-large': { status: 413, title: 'The body is too large' },
  /** More bytes or records than one batch may hold. */
  'batch-too-large': { status: 413, title: 'The batch is too large' },
  /** More bytes than an upload may have. */
  'upload-too-large': { status: 413, title: 'The upload is too large' },
  /** A content type or content encoding that is not understood. */
  'unsupported-media-type': { status: 415, title: 'The content type is not supported' },
  /** The idempotency key was used before, for other content. */
  'idempotency-key-reused': { status: 422, title: 'The idempotency key belongs to other content' },
  /** More batches are in flight than configured; `Retry-After` says when to come back. */
  'too-many-batches': { status: 429, title: 'Too many batches are in flight' },
  /** More records wait for the hub than fit into the memory; `Retry-After` says when to come back. */
  'too-many-records': { status: 429, title: 'Too many records are waiting' },
  /** A fault on our side; the request may be sent again with the same idempotency key. */
  'internal-error': { status: 500, title: 'Something went wrong on our side' },
  /** A store that the request needs does not answer; the request may be sent again with the same idempotency key. */
  'store-unavailable': { status: 503, title: 'A store is not available at the moment' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof problems;

/** A refusal that the HTTP layer turns into `application/problem+json`. */
export class Problem extends Error {
  /**
   * @param detail what was wrong, where, and what would be right
   * @param members further members of the problem document, such as `line` or `limit`
   * @param headers further headers, such as `Retry-After`
   */
  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    readonly members: Readonly<Record<string, unknown>> = {},
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(`${code}: ${detail}`);
    this.name = 'Problem';
  }

  /** The document of RFC 9457. */
  toDocument(): Record<string, unknown> {
    const { status, title } = problems[this.code];
    const own = {
      type: `urn:headwater:problem:${this.code}`,
      code: this.code,
      title,
      status,
      detail: this.detail,
    };
    // Twice: first for the order of the members, then so that none of `members` takes their place.
    return { ...own, ...this.members, ...own };
  }
}
