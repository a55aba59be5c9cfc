import { effectiveKey } from '../effective-key';
import { fail, ok, SUBSTATUS_RANGE_GONE, type Outcome } from '../errors';
import { header, type CosmosRequest } from '../http';
import { isFullKey, keyText, parseKey } from '../partition-key';
import type { Slice } from '../query/retrieval';
import type { ContainerRecord } from '../store/resources';
import type { PhysicalRange } from '../store/ranges';

/** What of a container a query or a change feed covers, as its headers say. */
export interface FeedScope extends Slice {
  /** The physical ranges that can hold matching items. */
  readonly ranges: readonly PhysicalRange[];
}

const EPK = /^[0-9A-F]*$/i;

function keyScope(container: ContainerRecord, text: string): Outcome<FeedScope> {
  const { definition, ranges } = container;
  const key = parseKey(text, definition.partitionKey);
  if (!key.ok) return key;
  const epk = effectiveKey(key.value, definition.partitionKey);
  if (isFullKey(key.value, definition.partitionKey)) {
    const holding = ranges.filter((range) => epk >= range.min && epk < range.max);
    return ok({ sql: 'pk = ?', parameters: [keyText(key.value)], onePartition: true, ranges: holding });
  }
  // A prefix of a hierarchical key: effective keys are the concatenated hashes of the components.
  const end = `${epk}FF`;
  return ok({
    sql: 'epk >= ? AND epk < ?',
    parameters: [epk, end],
    onePartition: false,
    ranges: ranges.filter((range) => range.min < end && range.max > epk),
  });
}

/** Reads the scope headers. Without any, or with `whole` and no partition key, the whole container. */
export function scopeOf(
  container: ContainerRecord,
  request: CosmosRequest,
  whole = false,
): Outcome<FeedScope> {
  const { ranges } = container;
  const key = header(request, 'x-ms-documentdb-partitionkey');
  if (key !== undefined && key !== '[]') return keyScope(container, key);
  if (whole) return ok({ sql: '', parameters: [], onePartition: false, ranges });
  const rangeId = header(request, 'x-ms-documentdb-partitionkeyrangeid');
  const range = rangeId === undefined ? undefined : ranges.find(({ id }) => String(id) === rangeId);
  if (rangeId !== undefined && !range) {
    return fail('Gone', `The partition key range "${rangeId}" does not exist.`, {
      substatus: SUBSTATUS_RANGE_GONE,
    });
  }
  const start = header(request, 'x-ms-start-epk');
  const end = header(request, 'x-ms-end-epk');
  if (start === undefined && end === undefined) {
    if (!range || ranges.length === 1) return ok({ sql: '', parameters: [], onePartition: false, ranges });
    return ok({ sql: 'rng = ?', parameters: [range.id], onePartition: false, ranges: [range] });
  }
  const [from, to] = [(start ?? '').toUpperCase(), (end ?? 'FF').toUpperCase()];
  if (!EPK.test(from) || !EPK.test(to))
    return fail('BadRequest', 'The effective partition key range is invalid.');
  return ok({
    sql: 'epk >= ? AND epk < ?',
    parameters: [from, to],
    onePartition: false,
    ranges: (range ? [range] : ranges).filter(({ min, max }) => min < to && max > from),
  });
}
