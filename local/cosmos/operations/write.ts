import { readCharge, writeCharge } from '../charge';
import { effectiveKey } from '../effective-key';
import { fail, ok, SUBSTATUS_PARTITION_KEY_MISMATCH, type Failure, type Outcome } from '../errors';
import {
  extractKey,
  isJsonObject,
  keyText,
  type JsonObject,
  type PartitionKey,
  type PartitionKeyDefinition,
} from '../partition-key';
import type { ContainerRecord } from '../store/catalog';
import { isExpired, parseItem, renderItem, SYSTEM_PROPERTIES, type StoredItem } from '../store/items';
import { rangeOf } from '../store/ranges';
import { etagOf } from '../store/rid';
import { applyPatch, type Patch } from './patch';

// https://learn.microsoft.com/azure/cosmos-db/concepts-limits#per-item-limits
const MAX_ID_BYTES = 1_023;
const MAX_ITEM_BYTES = 2 * 1024 * 1024;
const MAX_KEY_BYTES = 2_048;
const MAX_TTL = 2_147_483_647;
const MAX_NESTING = 128;

export type OperationType = 'Create' | 'Upsert' | 'Replace' | 'Read' | 'Delete' | 'Patch';

/** One operation on one item, checked as far as that is possible without looking at the store. */
export interface ItemOperation {
  readonly type: OperationType;
  readonly key: PartitionKey;
  readonly pk: string;
  readonly epk: string;
  readonly id: string;
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
  /** Create, upsert, replace: the item's JSON without system properties, and its own ttl. */
  readonly content?: ItemContent;
  readonly patch?: Patch;
}

export interface ItemContent {
  readonly body: string;
  readonly bytes: number;
  readonly ttl: number | null;
}

/** What an operation did; `render` gives the item's JSON as it is now, which many clients do not want. */
export interface ItemResult {
  readonly status: 200 | 201 | 204 | 304;
  readonly render?: () => string;
  readonly etag?: string;
  readonly charge: number;
}

/** What the operations of one group commit share. */
export interface WriteScope {
  readonly container: ContainerRecord;
  /** Milliseconds since the epoch. */
  readonly now: number;
  nextLsn(): number;
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

/** Serialises a client's item without its system properties. */
export function toContent(item: JsonObject): Outcome<ItemContent> {
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
  return ok({ body, bytes, ttl: ttl.value });
}

/** Checks an item against the partition key of its request; without one, takes the item's own. */
export function prepareContent(
  container: ContainerRecord,
  item: unknown,
  given: PartitionKey | undefined,
): Outcome<{ content: ItemContent; key: PartitionKey; id: string }> {
  if (!isJsonObject(item)) return fail('BadRequest', 'The item must be a JSON object.');
  const content = toContent(item);
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

const MAX_REMEMBERED = 1_000;
const remembered = new WeakMap<PartitionKeyDefinition, Map<string, string>>();

/** The effective key; remembered, because the operations of a batch have the same one. */
function effectiveKeyOf(key: PartitionKey, pk: string, definition: PartitionKeyDefinition): string {
  let known = remembered.get(definition);
  if (!known) remembered.set(definition, (known = new Map()));
  let epk = known.get(pk);
  if (epk === undefined) {
    epk = effectiveKey(key, definition);
    if (known.size >= MAX_REMEMBERED) known.clear();
    known.set(pk, epk);
  }
  return epk;
}

/** Fills in what the store needs of a partition key. */
export function locate(container: ContainerRecord, key: PartitionKey): Outcome<{ pk: string; epk: string }> {
  const pk = keyText(key);
  if (pk.length > MAX_KEY_BYTES && Buffer.byteLength(pk) > MAX_KEY_BYTES + 2 * key.length + 2) {
    return fail('BadRequest', `The partition key is longer than ${MAX_KEY_BYTES} bytes.`);
  }
  return ok({ pk, epk: effectiveKeyOf(key, pk, container.definition.partitionKey) });
}

const matches = (condition: string, etag: string): boolean => condition === '*' || condition === etag;

function checkConditions(operation: ItemOperation, etag: string): Failure | undefined {
  if (operation.ifMatch !== undefined && !matches(operation.ifMatch, etag)) {
    return fail('PreconditionFailed', 'One of the specified pre-condition is not met.');
  }
  if (operation.ifNoneMatch !== undefined && matches(operation.ifNoneMatch, etag)) {
    return fail('PreconditionFailed', 'One of the specified pre-condition is not met.');
  }
  return undefined;
}

const notFound = (id: string): Failure =>
  fail('NotFound', `Entity with the specified id "${id}" does not exist.`);

/** Reads an item as it was at `now`; one past its time to live does not exist. */
export function find(
  container: ContainerRecord,
  pk: string,
  id: string,
  now: number,
): StoredItem | undefined {
  const item = container.items.get(pk, id);
  return item && !isExpired(item, container.definition.defaultTtl, now) ? item : undefined;
}

/** Reads one item; 304 when the condition `ifNoneMatch` names its ETag. */
export function readItem(
  container: ContainerRecord,
  operation: ItemOperation,
  now: number,
): Outcome<ItemResult> {
  const item = find(container, operation.pk, operation.id, now);
  if (!item) return notFound(operation.id);
  const etag = etagOf(container.num, item.lsn);
  const charge = readCharge(Buffer.byteLength(item.body));
  if (operation.ifNoneMatch !== undefined && matches(operation.ifNoneMatch, etag)) {
    return ok({ status: 304, etag, charge });
  }
  if (operation.ifMatch !== undefined && !matches(operation.ifMatch, etag)) {
    return fail('PreconditionFailed', 'One of the specified pre-condition is not met.');
  }
  return ok({ status: 200, render: () => renderItem(container, item), etag, charge });
}

function written(
  scope: WriteScope,
  status: 200 | 201,
  item: { rid: number; lsn: number; ts: number; body: string },
  bytes: number,
): Outcome<ItemResult> {
  const { container } = scope;
  return ok({
    status,
    render: () => renderItem(container, item),
    etag: etagOf(container.num, item.lsn),
    charge: writeCharge(bytes),
  });
}

function insert(scope: WriteScope, operation: ItemOperation, content: ItemContent): Outcome<ItemResult> {
  const { container } = scope;
  const version = { lsn: scope.nextLsn(), ts: scope.now, ttl: content.ttl, body: content.body };
  const range = rangeOf(container.ranges, operation.epk);
  const rid = container.items.insert(
    { pk: operation.pk, id: operation.id, epk: operation.epk, range },
    version,
  );
  return written(scope, 201, { rid, ...version }, content.bytes);
}

function overwrite(scope: WriteScope, rid: number, content: ItemContent): Outcome<ItemResult> {
  const version = { lsn: scope.nextLsn(), ts: scope.now, ttl: content.ttl, body: content.body };
  scope.container.items.update(rid, version);
  return written(scope, 200, { rid, ...version }, content.bytes);
}

function patched(
  scope: WriteScope,
  operation: ItemOperation,
  item: StoredItem,
  patch: Patch,
): Outcome<ItemContent> {
  const { container } = scope;
  const result = applyPatch(parseItem(container, item), patch);
  if (!result.ok) return result;
  if (result.value['id'] !== operation.id) return fail('BadRequest', 'A patch cannot change the id.');
  const key = extractKey(result.value, container.definition.partitionKey);
  if (!key.ok) return key;
  if (keyText(key.value) !== operation.pk)
    return fail('BadRequest', 'A patch cannot change the partition key.');
  return toContent(result.value);
}

/**
 * Applies one operation inside a group commit. Whatever is refused is refused before the first write.
 */
export function applyOperation(scope: WriteScope, operation: ItemOperation): Outcome<ItemResult> {
  const { container } = scope;
  if (operation.type === 'Read') return readItem(container, operation, scope.now);
  const stored = container.items.get(operation.pk, operation.id);
  const expired = stored !== undefined && isExpired(stored, container.definition.defaultTtl, scope.now);
  const item = expired ? undefined : stored;
  if (item) {
    if (operation.type === 'Create') {
      return fail('Conflict', `Entity with the specified id "${operation.id}" already exists.`);
    }
    const refused = checkConditions(operation, etagOf(container.num, item.lsn));
    if (refused) return refused;
  } else if (operation.type !== 'Create' && operation.type !== 'Upsert') {
    return notFound(operation.id);
  }
  // What has expired makes room for a new item under the same id.
  if (expired) container.items.delete(stored.rid);
  if (operation.type === 'Delete') {
    if (!item) return notFound(operation.id);
    container.items.delete(item.rid);
    scope.nextLsn();
    return ok({ status: 204, charge: writeCharge(Buffer.byteLength(item.body)) });
  }
  if (operation.type === 'Patch') {
    if (!item || !operation.patch) return notFound(operation.id);
    const content = patched(scope, operation, item, operation.patch);
    return content.ok ? overwrite(scope, item.rid, content.value) : content;
  }
  if (!operation.content) return fail('BadRequest', 'The operation has no item.');
  return item ? overwrite(scope, item.rid, operation.content) : insert(scope, operation, operation.content);
}
