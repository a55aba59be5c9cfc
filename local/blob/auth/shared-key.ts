import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import { parseHttpDate } from '../dates';
import { fail, type Failure } from '../errors';
import { MAX_CLOCK_SKEW_MS } from '../limits';
import type { BlobRequest } from '../protocol';

/** The headers that are signed by value, in this order. */
const SIGNED_HEADERS = [
  'content-encoding',
  'content-language',
  'content-length',
  'content-md5',
  'content-type',
  'date',
  'if-modified-since',
  'if-match',
  'if-none-match',
  'if-unmodified-since',
  'range',
] as const;

/** Characters of header names in the order of their weights in the service's culture; the rest, `-` and `'`, weighs nothing. */
const CULTURE_ORDER = '!#$%&*.^_`|~+0123456789abcdefghijklmnopqrstuvwxyz';

/** Whether two base64 signatures are equal, in constant time. */
export function sameSignature(expected: string, given: string): boolean {
  const a = Buffer.from(expected);
  const b = Buffer.from(given);
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * Compares header names as the service's culture does: by letters first, where `_` comes before digits, and only then
 * by hyphens. The order of ASCII differs, for example for `a_b` and `a1`.
 */
export function compareByCulture(left: string, right: string): number {
  const a = left.replace(/[-']/g, '');
  const b = right.replace(/[-']/g, '');
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = CULTURE_ORDER.indexOf(a.charAt(i)) - CULTURE_ORDER.indexOf(b.charAt(i));
    if (difference !== 0) return difference;
  }
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] !== right[i]) return left[i] === '-' || left[i] === "'" ? 1 : -1;
  }
  return left.length - right.length;
}

const compareAscii = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);

function canonicalHeaders(request: BlobRequest, compare: (a: string, b: string) => number): string {
  const values = new Map<string, string>();
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = (request.rawHeaders[i] ?? '').toLowerCase();
    if (name.startsWith('x-ms-')) values.set(name, (request.rawHeaders[i + 1] ?? '').trimStart());
  }
  let text = '';
  for (const name of [...values.keys()].sort(compare)) text += `${name}:${values.get(name) ?? ''}\n`;
  return text;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `lenient`: as the SDK signs, which leaves out pairs with an empty value or a second `=`. */
function canonicalQuery(rawQuery: string, lenient: boolean): string {
  if (rawQuery === '') return '';
  const values = new Map<string, string[]>();
  for (const pair of rawQuery.split('&')) {
    const equals = pair.indexOf('=');
    if (lenient && (equals <= 0 || equals === pair.length - 1 || equals !== pair.lastIndexOf('='))) continue;
    const name = decode(equals < 0 ? pair : pair.slice(0, equals)).toLowerCase();
    const value = equals < 0 ? '' : decode(pair.slice(equals + 1));
    const known = values.get(name);
    if (known) known.push(value);
    else values.set(name, [value]);
  }
  let text = '';
  for (const name of [...values.keys()].sort(compareAscii)) {
    text += `\n${name}:${(values.get(name) ?? []).sort(compareAscii).join(',')}`;
  }
  return text;
}

function signedText(request: BlobRequest, headers: string, query: string): string {
  const signsOwnDate = request.header('x-ms-date') !== undefined;
  let text = `${request.method}\n`;
  for (const name of SIGNED_HEADERS) {
    const value = request.header(name) ?? '';
    const empty = (name === 'content-length' && value === '0') || (name === 'date' && signsOwnDate);
    text += `${empty ? '' : value}\n`;
  }
  return `${text}${headers}/${request.account}${request.rawPath}${query}`;
}

function refuseDate(request: BlobRequest, now: number): Failure | undefined {
  const date = request.header('x-ms-date') ?? request.header('date');
  if (date === undefined) return fail('AuthenticationFailed', 'The request has no x-ms-date header.');
  const time = parseHttpDate(date);
  if (Number.isNaN(time) || Math.abs(time - now) > MAX_CLOCK_SKEW_MS) {
    return fail('AuthenticationFailed', 'The date of the request is more than 15 minutes off.');
  }
  return undefined;
}

/**
 * Checks the `Authorization: SharedKey account:signature` header, see
 * https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key. The form the SDK signs is tried
 * first; the documented one, where they differ, and header values in UTF-8 are accepted too.
 */
export function checkSharedKey(
  request: BlobRequest,
  key: KeyObject,
  now: number,
): { readonly utf8Headers: boolean } | Failure {
  const given = /^SharedKey ([^:]+):(.+)$/.exec(request.header('authorization') ?? '');
  if (!given || given[1] !== request.account) {
    return fail('AuthenticationFailed', 'Only SharedKey of this account, and SAS, are supported.');
  }
  const late = refuseDate(request, now);
  if (late) return late;
  const signature = given[2] ?? '';
  const matches = (text: string, encoding: 'utf8' | 'latin1'): boolean =>
    sameSignature(createHmac('sha256', key).update(text, encoding).digest('base64'), signature);
  for (const compare of [compareByCulture, compareAscii]) {
    const headers = canonicalHeaders(request, compare);
    for (const lenient of [true, false]) {
      const text = signedText(request, headers, canonicalQuery(request.rawQuery, lenient));
      if (matches(text, 'utf8')) return { utf8Headers: false };
      if (matches(text, 'latin1')) return { utf8Headers: true };
    }
  }
  return fail('AuthenticationFailed', 'The signature does not match the request.');
}
