import type { Line } from './facts';
import { contentHash } from './content';

const MIDDLE = ',"record":';

/**
 * The records of a packet or of an archived body: NDJSON, each line `{"origin":{…},"record":{…}}`.
 * @throws when a line is none
 */
export function linesOf(body: Buffer, dataset: string, schemaVersion: string): Line[] {
  return body
    .toString('utf8')
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => lineOf(text, dataset, schemaVersion));
}

function lineOf(text: string, dataset: string, schemaVersion: string): Line {
  const { origin, record } = JSON.parse(text) as {
    origin: { batchId: string; index: number; receivedAt: string };
    record: { productId: string; updatedAt: string };
  };
  const receivedAt = Date.parse(origin.receivedAt);
  const eventTime = Date.parse(record.updatedAt);
  if (origin.index !== 0 || Number.isNaN(receivedAt) || Number.isNaN(eventTime))
    throw new Error(`This is no line of the records door: ${text.slice(0, 200)}`);
  // As it was sent: the door passes on what it has parsed, in the order in which it came.
  const content = contentHash(text.slice(text.indexOf(MIDDLE) + MIDDLE.length, -1));
  return {
    id: origin.batchId,
    receivedAt,
    key: record.productId,
    eventTime,
    content,
    dataset,
    schemaVersion,
  };
}
