import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { fail, type Failure } from './errors';
import { header } from './http';

/** What a signature covers, as https://learn.microsoft.com/rest/api/cosmos-db/access-control-on-cosmosdb-resources defines it. */
export interface SignedResource {
  readonly type: string;
  /** The resource's link; more than one when the client may have encoded it or not. */
  readonly ids: readonly string[];
}

function tokenOf(headers: IncomingHttpHeaders): URLSearchParams | undefined {
  const text = header({ headers }, 'authorization');
  if (text === undefined) return undefined;
  try {
    // "+" is a character of base64 here, not a space.
    return new URLSearchParams(decodeURIComponent(text).replaceAll('+', '%2B'));
  } catch {
    return undefined;
  }
}

/** https://learn.microsoft.com/rest/api/cosmos-db/access-control-on-cosmosdb-resources#authorization-header */
const MAX_SKEW_MS = 15 * 60_000;

/** RFC 1123, as the documentation asks for; `Date.parse` also takes what is hardly a date. */
const HTTP_DATE = /^[a-z]{3}, \d\d [a-z]{3} \d{4} \d\d:\d\d:\d\d gmt$/i;

/** Whether a signature of `date` may be used `now`, in milliseconds since the epoch. */
function checkDate(date: string, now: number): Failure | undefined {
  const signed = HTTP_DATE.test(date) ? Date.parse(date) : Number.NaN;
  if (Number.isNaN(signed)) return fail('Unauthorized', 'The date of the request is no valid date.');
  if (Math.abs(now - signed) <= MAX_SKEW_MS) return undefined;
  return fail(
    'Forbidden',
    `The authorization token is not valid at the current time. Please create another token and retry (token time: ${new Date(signed).toUTCString()}, current server time: ${new Date(now).toUTCString()}).`,
  );
}

/**
 * Checks a master-key signature and its date against `now`, in milliseconds since the epoch. Resource tokens and Entra
 * ID tokens are not supported.
 */
export function authorize(
  key: KeyObject,
  method: string,
  resource: SignedResource,
  headers: IncomingHttpHeaders,
  now: number,
): Failure | undefined {
  const token = tokenOf(headers);
  const date = (header({ headers }, 'x-ms-date') ?? header({ headers }, 'date'))?.toLowerCase();
  if (!token || date === undefined) {
    return fail(
      'Unauthorized',
      'Required Header authorization is missing. Ensure a valid Authorization token is passed.',
    );
  }
  if (token.get('type') !== 'master') {
    return fail('Unauthorized', 'Only authorization with the account key is supported by this endpoint.');
  }
  if (token.get('ver') !== '1.0') {
    return fail('Unauthorized', 'The version of the authorization token is not known.');
  }
  const given = Buffer.from(token.get('sig') ?? '', 'base64');
  for (const id of resource.ids) {
    const text = `${method.toLowerCase()}\n${resource.type}\n${id}\n${date}\n\n`;
    const expected = createHmac('sha256', key).update(text, 'utf8').digest();
    if (given.length === expected.length && timingSafeEqual(given, expected)) {
      return checkDate(date, now);
    }
  }
  return fail(
    'Unauthorized',
    'The input authorization token can not serve the request. The wrong key is being used or the expected payload is not built as per the protocol.',
  );
}
