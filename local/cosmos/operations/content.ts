import { createHash } from 'node:crypto';
import { fail, ok, SUBSTATUS_PARTITION_KEY_MISMATCH, type Failure, type Outcome } from '../errors';
import {
  extractKey,
  isJsonObject,
  keyText,
  splitPath,
  type JsonObject,
  type PartitionKey,
} from '../partition-key';
import { canonical, member } from '../query/values';
import {
  uniqueKeysOf,
  type ContainerDefinition,
  type ContainerRecord,
  type UniqueKey,
} from '../store/resources';
import { SYSTEM_PROPERTIES } from '../store/items';

// https://learn.microsoft.com/azure/cosmos-db/concepts-limits#per-item-limits
const MAX_ID_BYTES = 1_023;
const MAX_ITEM_BYTES = 2 * 1024 * 1024;
const MAX_TTL = 2_147_483_647;
const MAX_NESTING = 128;

export interface ItemContent {
  readonly body: string;
  readonly bytes: number;
  readonly ttl: number | null;
  /** Its values of the container's unique keys. */
  readonly unique: readonly string[];
}

function checkId(id: unknown): Failure | undefined {
  if (typeof id !== 'string' || id === '') {
    return fail('BadRequest', "The input content is invalid because the required property 'id' is missing.");
  }
  if (id.length * 3 > MAX_ID_BYTES && Buffer.byteLength(id) > MAX_ID_BYTES) {
    return fail('BadRequest', `The item's id is longer than ${MAX_ID_BYTES} bytes.`);
  }
  if (id.includes('/') || id.includes('\\')) return fail('BadRequest', 'The id contains illegal characters.');
  return undefined;
}

/** Checks a ttl as items and containers have it: seconds, or -1 for ever. */
export function checkTtl(value: unknown): Outcome<number | null> {
  if (value === undefined) return ok(null);
  if (
    typeof value === 'number' &&
    Number.isInteger(value) &&
    value <= MAX_TTL &&
    (value === -1 || value > 0)
  ) {
    return ok(value);
  }
  return fail('BadRequest', "The value of 'ttl' must be a positive integer, or -1.");
}

/** A copy without the system properties: deleting them would make the object slow to serialise. */
function withoutSystemProperties(item: JsonObject): JsonObject {
  if (!SYSTEM_PROPERTIES.some((name) => Object.hasOwn(item, name))) return item;
  const { _rid, _self, _etag, _attachments, _ts, _lsn, ...rest } = item;
  return rest;
}

/** Whether no value in `value` lies deeper than `levels` objects and arrays. */
function isNestedWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) return false;
  return Object.values(value).every((inner) => isNestedWithin(inner, levels - 1));
}

/** Longer values are compared by their hash. */
const MAX_PLAIN_VALUE = 256;

/** What must not occur again: the values at the paths of a unique key. A missing one counts as null. */
function uniqueValue(item: JsonObject, { paths }: UniqueKey): string {
  const text = canonical(paths.map((path) => splitPath(path).reduce<unknown>(member, item) ?? null));
  return text.length > MAX_PLAIN_VALUE ? createHash('sha256').update(text).digest('base64') : text;
}

/** Serialises a client's item without its system properties. */
export function toContent(item: JsonObject, definition: ContainerDefinition): Outcome<ItemContent> {
  const idFailure = checkId(item['id']);
  if (idFailure) return idFailure;
  const ttl = checkTtl(item['ttl']);
  if (!ttl.ok) return ttl;
  const body = JSON.stringify(withoutSystemProperties(item));
  const bytes = Buffer.byteLength(body);
  if (bytes > MAX_ITEM_BYTES) return fail('RequestEntityTooLarge', 'Request size is too large');
  // A shorter text cannot be nested deeper.
  if (bytes > 2 * MAX_NESTING && !isNestedWithin(item, MAX_NESTING)) {
    return fail('BadRequest', `The item is nested deeper than ${MAX_NESTING} levels.`);
  }
  const unique = uniqueKeysOf(definition).map((key) => uniqueValue(item, key));
  return ok({ body, bytes, ttl: ttl.value, unique });
}

/** Checks an item against the partition key of its request; without one, takes the item's own. */
export function prepareContent(
  container: ContainerRecord,
  item: unknown,
  given: PartitionKey | undefined,
): Outcome<{ content: ItemContent; key: PartitionKey; id: string }> {
  if (!isJsonObject(item)) return fail('BadRequest', 'The item must be a JSON object.');
  const content = toContent(item, container.definition);
  if (!content.ok) return content;
  const key = extractKey(item, container.definition.partitionKey);
  if (!key.ok) return key;
  if (given && keyText(given) !== keyText(key.value)) {
    return fail(
      'BadRequest',
      "PartitionKey extracted from document doesn't match the one specified in the header.",
      { substatus: SUBSTATUS_PARTITION_KEY_MISMATCH },
    );
  }
  return ok({ content: content.value, key: key.value, id: String(item['id']) });
}
