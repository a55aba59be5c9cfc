import { timingSafeEqual } from 'node:crypto';
import { sha256 } from '../content';

/** The id of a subscription: 32 lower-case hexadecimal digits. */
export const SUBSCRIPTION_ID = /^[0-9a-f]{32}$/;

/** Random bytes of a token, and of the one that confirms an address. */
export const TOKEN_BYTES = 32;

/** 32 bytes in base64url. */
const RANDOM = '[A-Za-z0-9_-]{43}';

const TOKEN = new RegExp(`^hws_([0-9a-f]{32})_${RANDOM}$`);
const BEARER = /^Bearer +(\S+)$/i;

/** The token that opens one subscription. It names the subscription, so that it can be looked up. */
export function subscriptionToken(id: string, random: Uint8Array): string {
  return `hws_${id}_${Buffer.from(random).toString('base64url')}`;
}

/**
 * The token of an `Authorization` header (RFC 6750, section 2.1) and the subscription that it names, or undefined when
 * there is none of our form.
 */
export function bearerToken(
  header: string | null,
): { readonly token: string; readonly id: string } | undefined {
  const [, token = ''] = BEARER.exec(header ?? '') ?? [];
  const [, id] = TOKEN.exec(token) ?? [];
  return id === undefined ? undefined : { token, id };
}

/** What is stored of a token. It is random, so a plain hash is enough. */
export function tokenHash(token: string): string {
  return sha256(token);
}

/** Whether a token is the one that was hashed. Takes the same time for every wrong one. */
export function isTokenOf(token: string, hash: string | undefined): boolean {
  const given = Buffer.from(tokenHash(token));
  const expected = Buffer.from(hash ?? '');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
