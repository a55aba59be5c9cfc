/**
 * Resource ids: a database has 4 bytes, a container 8, an item 16, each beginning with its owner's.
 * Base64 with `-` for `/`, as they stand in links.
 */
const CONTAINER_MARK = 0x80000000;

function encode(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('/', '-');
}

export function databaseRid(database: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(database);
  return encode(bytes);
}

export function containerRid(database: number, container: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(database);
  bytes.writeUInt32BE((CONTAINER_MARK + container) >>> 0, 4);
  return encode(bytes);
}

const scratch = Buffer.alloc(16);

/** Not re-entrant by design: called for each item of each answer. */
export function itemRid(database: number, container: number, item: number): string {
  scratch.writeUInt32BE(database);
  scratch.writeUInt32BE((CONTAINER_MARK + container) >>> 0, 4);
  scratch.writeUInt32BE(Math.floor(item / 0x1_0000_0000), 8);
  scratch.writeUInt32BE(item >>> 0, 12);
  return encode(scratch);
}

/** The ETag, with its quotes, of version `lsn` of something in container (or database) `owner`. */
export function etagOf(owner: number, lsn: number): string {
  return `"${owner.toString(16).padStart(8, '0')}-0000-0000-0000-${lsn.toString(16).padStart(12, '0')}"`;
}
