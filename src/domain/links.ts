import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a signed link allows, for one batch. */
export type LinkOperation = 'status' | 'terminate';

/** The signature of a link: HMAC-SHA256 over operation and batch, base64url. */
export function signLink(secret: string, operation: LinkOperation, batchId: string): string {
  return createHmac('sha256', secret).update(`${operation}\n${batchId}`).digest('base64url');
}

/** Whether `signature` was made for this operation and batch. Takes the same time for every wrong one. */
export function isSignedFor(
  secret: string,
  operation: LinkOperation,
  batchId: string,
  signature: string,
): boolean {
  const expected = Buffer.from(signLink(secret, operation, batchId));
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
