import { DATASET_NAME } from '../dataset';
import type { RedriveLine } from '../ingest/framing/ndjson';

/**
 * Records travel in packets: one event of the hub carries those of one data set and schema that came at about the same
 * time. An event costs as much as a record of usual size, at each end.
 */
export interface Packet {
  /** One line a record, as {@link recordLine} makes them. */
  readonly body: Buffer;
  readonly properties: PacketProperties;
}

/** What an event's properties tell of its packet, so that it need not be parsed to be claimed. */
export interface PacketProperties {
  readonly dataset: string;
  readonly schemaVersion: string;
  /** how many */
  readonly records: number;
  /** Earliest and latest receipt, ms since the epoch. */
  readonly from: number;
  readonly to: number;
}

/** An event of the hub `ingress`, as it is received. */
export interface IngressEvent {
  readonly sequenceNumber: number;
  /** When the hub stored it, ms since the epoch. */
  readonly enqueuedAt: number;
  readonly body: Buffer;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** `{declared version}+{first 8 hex digits of the schema's SHA-256}` */
const SCHEMA_VERSION = /^\d{1,20}\+[0-9a-f]{8}$/;

/** An event's body as it is handed over: what is no bytes the door has not sent. */
export function bytesOf(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body;
  if (!(body instanceof Uint8Array)) return Buffer.alloc(0);
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

/** How a line begins; nothing else begins so. */
const LINE_BEGIN = Buffer.from('{"origin":{"batchId":"');
const NEWLINE = 0x0a;

/**
 * A record as a line of a packet, and of the batch that it becomes. Its origin is the door: the id stands for the batch
 * in which it was first, so that the same record in two batches is the same.
 * @param json the record, on one line
 */
export function recordLine(id: string, receivedAt: string, json: string): string {
  const origin: RedriveLine['origin'] = { batchId: id, index: 0, receivedAt };
  return `{"origin":${JSON.stringify(origin)},"record":${json}}\n`;
}

/** The packet in an event, or undefined when the door has not made it: anybody with a key can send to a hub. */
export function packetOf({ body, properties }: IngressEvent): Packet | undefined {
  const { dataset, schemaVersion, records, from, to } = properties;
  if (typeof dataset !== 'string' || !DATASET_NAME.test(dataset)) return undefined;
  if (typeof schemaVersion !== 'string' || !SCHEMA_VERSION.test(schemaVersion)) return undefined;
  if (!isCount(records) || !isCount(from) || !isCount(to) || records === 0 || from > to) return undefined;
  if (countLines(body) !== records) return undefined;
  return { body, properties: { dataset, schemaVersion, records, from, to } };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const isAt = (body: Buffer, start: number, what: Buffer): boolean =>
  body.subarray(start, start + what.length).equals(what);

/** How many lines there are, or -1 when one of them is none of the door's. */
function countLines(body: Buffer): number {
  let lines = 0;
  for (let start = 0; start < body.length; lines++) {
    if (!isAt(body, start, LINE_BEGIN)) return -1;
    const end = body.indexOf(NEWLINE, start);
    if (end === -1) return -1;
    start = end + 1;
  }
  return lines;
}

/** The number of a record's line, or undefined when it is in none. */
export function lineOfRecord(body: Buffer, id: string): number | undefined {
  const mark = Buffer.concat([LINE_BEGIN, Buffer.from(`${id}"`)]);
  let line = 0;
  for (let start = 0; start < body.length; line++) {
    if (isAt(body, start, mark)) return line;
    const end = body.indexOf(NEWLINE, start);
    if (end === -1) return undefined;
    start = end + 1;
  }
  return undefined;
}
