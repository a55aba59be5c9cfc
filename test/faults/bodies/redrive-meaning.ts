import { holds, refused, type Expected, type Limits, type Meaning } from './expected';
import type { Value } from './good';
import { batchMeaning, type Sent } from './meaning';
import { isRedrivable, type Origin } from './origins';

/** What a redrive of this batch with this body says: the records in the order of their places. */
export function redriveMeaning(sent: Sent, limits: Limits, origin: Origin): Meaning {
  // Without a body: all dead-lettered records, of which there are none.
  if (sent.bytes.length === 0) return refused('nothing-to-redrive', 'unsupported-media-type');
  const { refusals, records } = batchMeaning(sent, limits);
  if (/^\s*text\/csv/i.test(sent.contentType ?? '')) return refused('unsupported-media-type', ...refusals);
  // A body that decompresses to nothing is none.
  if (!records) return refused(...refusals, ...(sent.contentEncoding ? ['nothing-to-redrive'] : []));
  const items = new Map<number, Value>();
  for (const item of records) {
    const repaired = repairedBy(item, origin);
    if (!repaired || items.has(repaired.index)) return refused('invalid-redrive');
    items.set(repaired.index, repaired.record);
  }
  const ordered = [...items].toSorted(([a], [b]) => a - b);
  return holds(ordered.map(([, value]) => ({ value })));
}

function repairedBy(item: Expected, origin: Origin): { index: number; record: Value } | undefined {
  const value = 'value' in item ? item.value : null;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { index, record } = value;
  const isThere = Object.hasOwn(value, 'record') && record !== undefined;
  return isThere && typeof index === 'number' && isRedrivable(origin, index) ? { index, record } : undefined;
}
