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

/** Checks a master-key signature. Resource tokens and Entra ID tokens are not supported. */
export function authorize(
  key: KeyObject,
  method: string,
  resource: SignedResource,
  headers: IncomingHttpHeaders,
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
  const given = Buffer.from(token.get('sig') ?? '', 'base64');
  for (const id of resource.ids) {
    const text = `${method.toLowerCase()}\n${resource.type}\n${id}\n${date}\n\n`;
    const expected = createHmac('sha256', key).update(text, 'utf8').digest();
    if (given.length === expected.length && timingSafeEqual(given, expected)) return undefined;
  }
  return fail(
    'Unauthorized',
    'The input authorization token can not serve the request. The wrong key is being used or the expected payload is not built as per the protocol.',
  );
}
