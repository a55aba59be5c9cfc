import { createHmac } from 'node:crypto';

/**
 * Signatures of Standard Webhooks
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme).
 */

const PREFIX = 'whsec_';

/** Length of a secret's key, bytes (the same place). */
const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;

/** The three headers of a signed request. */
export type SignatureHeaders = Readonly<
  Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>
>;

/**
 * The text of a new secret.
 * @param random 24 to 64 bytes from a cryptographic source
 * @throws RangeError for another length
 */
export function newSecret(random: Buffer): string {
  if (random.length < MIN_KEY_BYTES || random.length > MAX_KEY_BYTES)
    throw new RangeError(`A secret has ${MIN_KEY_BYTES} to ${MAX_KEY_BYTES} bytes, not ${random.length}.`);
  return PREFIX + random.toString('base64');
}

/** What is wrong with a secret that a subscriber chose, in words that say what would be right; undefined: nothing. */
export function secretFault(text: string): string | undefined {
  if (!text.startsWith(PREFIX)) return `It must begin with "${PREFIX}".`;
  const encoded = text.slice(PREFIX.length);
  const key = Buffer.from(encoded, 'base64');
  // Receivers' libraries read base64 strictly; each its own way of it.
  if (key.toString('base64') !== encoded)
    return `After "${PREFIX}" it must be base64 with its padding (RFC 4648, section 4).`;
  if (key.length < MIN_KEY_BYTES || key.length > MAX_KEY_BYTES)
    return `It must hold ${MIN_KEY_BYTES} to ${MAX_KEY_BYTES} bytes; it holds ${key.length}.`;
  return undefined;
}

/**
 * Signs a request with each secret that is valid now: while secrets are rotated the receiver may know either.
 * @param secrets as `newSecret` makes them, or as `secretFault` lets them through
 * @param id of the event, the same in each try; without a full stop, which separates what is signed
 * @param timestampSeconds the time of this try, whole seconds since the epoch
 * @param body the very text that is sent
 */
export function sign(
  secrets: readonly string[],
  id: string,
  timestampSeconds: number,
  body: string,
): SignatureHeaders {
  const content = `${id}.${timestampSeconds}.${body}`;
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': secrets.map((secret) => `v1,${hmac(secret, content)}`).join(' '),
  };
}

function hmac(secret: string, content: string): string {
  // A key that is given as text is taken at a quarter of the time that Node needs for one in a buffer.
  return createHmac('sha256', secret.slice(PREFIX.length), { encoding: 'base64' })
    .update(content)
    .digest('base64');
}
