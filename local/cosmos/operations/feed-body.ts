import { fail, ok, type Outcome } from '../errors';
import type { FeedScope } from './scope';

// https://learn.microsoft.com/azure/cosmos-db/concepts-limits#per-request-limits
const MAX_PAGE_BYTES = 4 * 1024 * 1024;

/** Reads the continuation of a change feed: the number of the last change seen. */
export function parseContinuation(condition: string): Outcome<number> {
  const match = /^(?:W\/)?"?(\d{1,15})"?$/.exec(condition.trim());
  return match ? ok(Number(match[1])) : fail('BadRequest', 'Invalid Continuation Token');
}

/** The headers of a page that goes up to change `reached`. */
export function feedHeaders(reached: number, scope: FeedScope, count: number): Record<string, string> {
  return {
    etag: `"${reached}"`,
    'x-ms-documentdb-partitionkeyrangeid': String(scope.ranges[0]?.id ?? 0),
    'x-ms-item-count': String(count),
  };
}

/** The body of an answer. The items are copied as bytes: to read them as text is most of the work of a page. */
export class FeedBody {
  private readonly parts: (Uint8Array | string)[];
  private bytes = 0;
  count = 0;

  constructor(rid: string) {
    this.parts = [`{"_rid":"${rid}","Documents":[`];
  }

  /** Whether another entry with a body of so many bytes has room; the first one has, whatever its size. */
  hasRoom(maxItems: number, bytes: number): boolean {
    return this.count < maxItems && (this.count === 0 || this.bytes + bytes <= MAX_PAGE_BYTES);
  }

  /**
   * @param parts JSON of one entry; texts are ASCII
   * @returns the bytes of the entry
   */
  add(...parts: readonly (Uint8Array | string)[]): number {
    if (this.count++ > 0) this.parts.push(',');
    this.parts.push(...parts);
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    this.bytes += bytes;
    return bytes;
  }

  toBuffer(): Buffer {
    this.parts.push(`],"_count":${this.count}}`);
    const body = Buffer.allocUnsafe(this.parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.parts) {
      if (typeof part === 'string') body.write(part, at, 'latin1');
      else body.set(part, at);
      at += part.length;
    }
    return body;
  }
}
