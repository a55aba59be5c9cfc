import { createHmac, timingSafeEqual } from 'node:crypto';

export interface SharedAccessKey {
  readonly keyName: string;
  readonly key: string;
}

/** A checked token: what it opens, and until when (milliseconds since the epoch). */
export interface Claim {
  readonly path: string;
  readonly expires: number;
}

/** Tokens longer than this are refused unread. */
const MAX_TOKEN_LENGTH = 8_192;

/**
 * Checks a `SharedAccessSignature` token for an audience.
 * @returns the claim, or why the token is refused (the words go to the client).
 * https://learn.microsoft.com/azure/event-hubs/authenticate-shared-access-signature
 */
export function checkToken(
  token: unknown,
  audience: unknown,
  credential: SharedAccessKey,
  now: number,
): Claim | string {
  if (typeof token !== 'string' || typeof audience !== 'string' || token.length > MAX_TOKEN_LENGTH) {
    return 'The token or its audience is missing or malformed.';
  }
  const match = /^SharedAccessSignature (.+)$/.exec(token);
  const fields = new Map((match?.[1] ?? '').split('&').map(pair));
  const resource = fields.get('sr');
  const expiry = fields.get('se');
  const signature = decode(fields.get('sig'));
  const keyName = decode(fields.get('skn'));
  if (resource === undefined || !signature || !keyName || !expiry || !/^\d{1,12}$/.test(expiry)) {
    return 'MalformedToken: the token must have sr, sig, se and skn.';
  }
  if (!sameText(keyName, credential.keyName) || !signed(resource, expiry, signature, credential.key)) {
    return 'InvalidSignature: The token has an invalid signature.';
  }
  const expires = Number(expiry) * 1000;
  if (expires <= now) return 'ExpiredToken: The token is expired.';
  const path = pathOf(audience);
  if (!covers(pathOf(decode(resource) ?? ''), path))
    return 'InvalidAudience: The token is for another resource.';
  return { path, expires };
}

/** Whether a claim on `granted` opens `wanted`: the same path or one below it. Both are normalised paths. */
export function covers(granted: string, wanted: string): boolean {
  return granted === '' || wanted === granted || wanted.startsWith(`${granted}/`);
}

/** `sb://host:port/Hub/Partitions/0/` → `hub/partitions/0`. Entity names ignore case. */
export function pathOf(audience: string): string {
  const withoutHost = audience.replace(/^[a-z]+:\/\/[^/]*/i, '');
  return withoutHost.replace(/^\/+|\/+$/g, '').toLowerCase();
}

function pair(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function signed(resource: string, expiry: string, signature: string, key: string): boolean {
  const expected = createHmac('sha256', key).update(`${resource}\n${expiry}`).digest('base64');
  return sameText(signature, expected);
}

function sameText(left: string, right: string): boolean {
  const a = Buffer.from(left);
  const b = Buffer.from(right);
  return a.length === b.length && timingSafeEqual(a, b);
}
