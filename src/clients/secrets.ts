import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { SealedSecret, Subscription } from '../domain/egress/subscription';

/** Bytes of a nonce (NIST SP 800-38D, section 8.2.2). Random: a key may seal 2^32 secrets. */
const IV_BYTES = 12;

const TAG_BYTES = 16;

const ALGORITHM = 'aes-256-gcm';

/** Keeps the signing secrets of subscriptions from whoever reads the store. */
export interface Secrets {
  /** Encrypts a secret for one subscription: it cannot be opened as another one's. */
  seal(subscription: string, secret: string): SealedSecret;
  /** The secret, or undefined when it was sealed with another key, for another subscription, or has been altered. */
  open(subscription: string, sealed: SealedSecret): string | undefined;
  /**
   * The secrets to sign with, newest first: while secrets are rotated there are two. Empty when none can be opened:
   * the key in the configuration is another one.
   * @param now ms since the epoch
   */
  secretsOf(subscription: Pick<Subscription, 'id' | 'secrets'>, now: number): string[];
}

/** @param key 32 bytes */
export function createSecrets(key: Buffer): Secrets {
  const open: Secrets['open'] = (subscription, { iv, ciphertext, tag }) => {
    try {
      const decipher = createDecipheriv(ALGORITHM, key, Buffer.from(iv, 'base64'), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(Buffer.from(subscription));
      decipher.setAuthTag(Buffer.from(tag, 'base64'));
      return decipher.update(ciphertext, 'base64', 'utf8') + decipher.final('utf8');
    } catch {
      return undefined;
    }
  };
  return {
    open,

    seal(subscription, secret) {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.from(subscription));
      const ciphertext = cipher.update(secret, 'utf8', 'base64') + cipher.final('base64');
      return { iv: iv.toString('base64'), ciphertext, tag: cipher.getAuthTag().toString('base64') };
    },

    secretsOf({ id, secrets }, now) {
      return secrets
        .filter(({ expiresAt }) => expiresAt === undefined || Date.parse(expiresAt) > now)
        .map(({ sealed }) => open(id, sealed))
        .filter((secret) => secret !== undefined);
    },
  };
}
