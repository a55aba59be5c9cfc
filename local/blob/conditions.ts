import { parseHttpDate } from './dates';
import { fail, type Failure } from './errors';

/** Conditional headers, see https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations */
export interface Conditions {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
  readonly ifModifiedSince?: number | undefined;
  readonly ifUnmodifiedSince?: number | undefined;
}

type State = { readonly etag: string; readonly modified: number };

/** Reads the conditions of a request; `prefix` selects those on the source of a copy (`x-ms-source-`). */
export function readConditions(
  header: (name: string) => string | undefined,
  prefix: '' | 'x-ms-source-' = '',
): Conditions | Failure {
  const ifMatch = header(`${prefix}if-match`);
  const ifNoneMatch = header(`${prefix}if-none-match`);
  const modified = header(`${prefix}if-modified-since`);
  const unmodified = header(`${prefix}if-unmodified-since`);
  const ifModifiedSince = modified === undefined ? undefined : parseHttpDate(modified);
  const ifUnmodifiedSince = unmodified === undefined ? undefined : parseHttpDate(unmodified);
  if (Number.isNaN(ifModifiedSince) || Number.isNaN(ifUnmodifiedSince)) {
    return fail('InvalidHeaderValue', 'A conditional header is not a date.');
  }
  return { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince };
}

/** Etags come quoted from headers and bare from lists; both are accepted. */
function names(condition: string, etag: string): boolean {
  return condition.split(',').some((one) => {
    const value = one.trim();
    return value === '*' || value === etag || value === `"${etag}"` || value === `W/"${etag}"`;
  });
}

/** Dates of HTTP have a resolution of one second. */
const seconds = (time: number): number => Math.floor(time / 1000);

/** Checks the conditions of a read of something that exists. */
export function checkRead(conditions: Conditions, state: State): Failure | undefined {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions;
  if (ifMatch !== undefined && !names(ifMatch, state.etag)) return fail('ConditionNotMet');
  if (ifUnmodifiedSince !== undefined && seconds(state.modified) > seconds(ifUnmodifiedSince)) {
    return fail('ConditionNotMet');
  }
  if (ifNoneMatch !== undefined) return names(ifNoneMatch, state.etag) ? fail('NotModified') : undefined;
  if (ifModifiedSince !== undefined && seconds(state.modified) <= seconds(ifModifiedSince)) {
    return fail('NotModified');
  }
  return undefined;
}

/** Checks the conditions of a write; `state` is undefined when there is nothing yet. */
export function checkWrite(conditions: Conditions, state: State | undefined): Failure | undefined {
  if (!state) return conditions.ifMatch === undefined ? undefined : fail('ConditionNotMet');
  if (conditions.ifNoneMatch === '*') return fail('BlobAlreadyExists');
  const refused = checkRead(conditions, state);
  return refused ? fail('ConditionNotMet') : undefined;
}
