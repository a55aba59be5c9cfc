/** An upload's id: random, so that nobody finds one by trying. */
export const UPLOAD_ID = /^[0-9a-f]{32}$/;

const HOUR_MS = 3_600_000;

/** The longest time a grant may be valid, minutes: an upload must not be written to any more when it may be removed. */
export const MAX_GRANT_MINUTES = 1_440;

/**
 * How long after it was written last an upload can be named by a batch, ms. No setting: while instances with different
 * settings run, what one of them still takes another would remove.
 */
export const UPLOAD_KEPT_MS = 24 * HOUR_MS;

/** Longer than a request can live that has found its upload, and than clocks differ. */
const MARGIN_MS = HOUR_MS;

/** Whether a batch may name an upload that was written last at this time. */
export const mayBeNamed = (modifiedOn: Date, now: Date): boolean =>
  now.getTime() - modifiedOn.getTime() <= UPLOAD_KEPT_MS;

/** Whether no request can be under way any more that has found the upload, and is about to store a batch that names it. */
export const isPastNaming = (modifiedOn: Date, now: Date): boolean =>
  now.getTime() - modifiedOn.getTime() > UPLOAD_KEPT_MS + MARGIN_MS;
