import { readCharge, writeCharge } from '../charge';
import { effectiveKey } from '../effective-key';
import { fail, ok, type Failure, type Outcome } from '../errors';
import { extractKey, keyText, type PartitionKey, type PartitionKeyDefinition } from '../partition-key';
import type { ContainerRecord } from '../store/resources';
import type { Change, ChangeLog } from '../store/change-log';
import { isExpired, parseItem, renderItem, type StoredItem } from '../store/items';
import { rangeOf } from '../store/ranges';
import { etagOf } from '../store/rid';
import { toContent, type ItemContent } from './content';
import { applyPatch, type Patch } from './patch';

// https://learn.microsoft.com/azure/cosmos-db/concepts-limits#per-item-limits
const MAX_KEY_BYTES = 2_048;

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
  /** Where every version is kept, if the container does that. */
  readonly log: ChangeLog | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  nextLsn(): number;
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

/** Where an item lies. */
type Located = Pick<ItemOperation, 'pk' | 'id' | 'epk'>;

function logChange(
  { container, log }: WriteScope,
  { pk, id, epk }: Located,
  change: Omit<Change, 'pk' | 'id' | 'epk' | 'range'>,
): void {
  log?.add({ ...change, pk, id, epk, range: rangeOf(container.ranges, epk) });
}

function remove(scope: WriteScope, operation: Located, item: StoredItem, expired: boolean): void {
  const { rid, lsn: previous } = item;
  scope.container.items.delete(rid);
  const lsn = scope.nextLsn();
  logChange(scope, operation, { rid, type: 'delete', previous, expired, lsn, ts: scope.now, body: null });
}

/**
 * Refuses values of unique keys that another item of the logical partition has; an expired item gives way. What an
 * item may not have is told before it is written.
 */
function uniqueConflict(
  scope: WriteScope,
  { pk }: ItemOperation,
  { unique }: ItemContent,
  own?: number,
): Failure | undefined {
  const { items, definition } = scope.container;
  for (const [n, value] of unique.entries()) {
    const rid = items.uniqueKeys.holder(n, pk, value);
    const holder = rid === undefined || rid === own ? undefined : items.byRid(rid);
    if (!holder) continue;
    if (!isExpired(holder, definition.defaultTtl, scope.now)) {
      return fail('Conflict', 'Unique index constraint violation.');
    }
    remove(scope, holder, holder, true);
  }
  return undefined;
}

function insert(scope: WriteScope, operation: ItemOperation, content: ItemContent): Outcome<ItemResult> {
  const { container } = scope;
  const conflict = uniqueConflict(scope, operation, content);
  if (conflict) return conflict;
  const version = { lsn: scope.nextLsn(), ts: scope.now, ttl: content.ttl, body: content.body };
  const range = rangeOf(container.ranges, operation.epk);
  const { pk, id, epk } = operation;
  const rid = container.items.insert({ pk, id, epk, range }, version);
  if (content.unique.length > 0) container.items.uniqueKeys.hold(rid, pk, content.unique);
  logChange(scope, operation, { rid, type: 'create', previous: null, expired: false, ...version });
  return written(scope, 201, { rid, ...version }, content.bytes);
}

function overwrite(
  scope: WriteScope,
  operation: ItemOperation,
  { rid, lsn: previous }: StoredItem,
  content: ItemContent,
): Outcome<ItemResult> {
  const { items } = scope.container;
  const conflict = uniqueConflict(scope, operation, content, rid);
  if (conflict) return conflict;
  const version = { lsn: scope.nextLsn(), ts: scope.now, ttl: content.ttl, body: content.body };
  items.update(rid, version);
  if (content.unique.length > 0) items.uniqueKeys.hold(rid, operation.pk, content.unique);
  logChange(scope, operation, { rid, type: 'replace', previous, expired: false, ...version });
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
  return toContent(result.value, container.definition);
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
  if (expired) remove(scope, operation, stored, true);
  if (operation.type === 'Delete') {
    if (!item) return notFound(operation.id);
    remove(scope, operation, item, false);
    return ok({ status: 204, charge: writeCharge(Buffer.byteLength(item.body)) });
  }
  if (operation.type === 'Patch') {
    if (!item || !operation.patch) return notFound(operation.id);
    const content = patched(scope, operation, item, operation.patch);
    return content.ok ? overwrite(scope, operation, item, content.value) : content;
  }
  if (!operation.content) return fail('BadRequest', 'The operation has no item.');
  return item
    ? overwrite(scope, operation, item, operation.content)
    : insert(scope, operation, operation.content);
}
