import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { withValueAt, type Json } from './json';

/** Lower-case hex SHA-256. */
export function sha256(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}

/**
 * Hash of a record's content: SHA-256 over its canonical JSON (RFC 8785), so that the order of members and the
 * way numbers are written do not matter. The event time is left out: it orders versions, it is not content.
 * @throws Error for what has no JSON form: an infinite number, a lone surrogate
 */
export function contentHash(record: Json, eventTimePath?: readonly string[]): string {
  const content = eventTimePath ? withValueAt(record, eventTimePath, undefined) : record;
  return sha256(canonicalize(content) ?? 'null');
}
