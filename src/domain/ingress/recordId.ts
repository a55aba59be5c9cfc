import { createHmac, timingSafeEqual } from 'node:crypto';

/** What the id of a record tells: when and into which partition of the hub it was sent. */
export interface RecordPlace {
  /** ms since the epoch */
  readonly receivedAt: number;
  readonly partition: string;
}

/*
 * An id is made at the door, before the hub has numbered the record, and the record has to be found by it: so it tells
 * the time of receipt (nine digits of base 36 last for 3,000 years) and the partition, beside 80 random bits. The
 * signature tells an id that was made here from one that was made up: of the first, "not found" means "on its way".
 */
const FORM = /^([0-9a-z]{9})([0-9a-z]{2})([0-9a-f]{20})([0-9a-f]{8})$/;

const MAX_PARTITION = 36 ** 2 - 1;

/** Better a key object: of a text one is made at each signature, which costs more than that. */
export type Secret = Parameters<typeof createHmac>[1];

const signatureOf = (secret: Secret, text: string): string =>
  createHmac('sha256', secret).update(`record\n${text}`).digest('hex').slice(0, 8);

/**
 * A new id.
 * @param random a random UUID
 * @throws RangeError for a partition whose name is no number below 1,296: Event Hubs numbers them
 */
export function makeRecordId(secret: Secret, { receivedAt, partition }: RecordPlace, random: string): string {
  const number = Number(partition);
  if (!/^\d+$/.test(partition) || number > MAX_PARTITION)
    throw new RangeError(`"${partition}" is no partition of a hub.`);
  const text =
    receivedAt.toString(36).padStart(9, '0') +
    number.toString(36).padStart(2, '0') +
    // Without the digits that tell the version and the variant.
    random.slice(0, 8) +
    random.slice(24);
  return text + signatureOf(secret, text);
}

/** What an id tells, or undefined when it was not made with this secret. */
export function readRecordId(secret: Secret, id: string): RecordPlace | undefined {
  const [, time, partition, , signature] = FORM.exec(id) ?? [];
  if (time === undefined || partition === undefined || signature === undefined) return undefined;
  const expected = signatureOf(secret, id.slice(0, -signature.length));
  if (!timingSafeEqual(Buffer.from(expected), Buffer.from(signature))) return undefined;
  return {
    receivedAt: Number.parseInt(time, 36),
    partition: String(Number.parseInt(partition, 36)),
  };
}
