import { fail, ok, type Failure, type Outcome } from '../errors';
import { isJsonObject, type JsonObject } from '../partition-key';
import { compilePredicate, type Predicate } from '../query/compile';
import { SYSTEM_PROPERTIES } from '../store/items';

// https://learn.microsoft.com/azure/cosmos-db/partial-document-update
const MAX_OPERATIONS = 10;
const KINDS = ['add', 'set', 'replace', 'remove', 'incr', 'increment', 'move'] as const;

interface PatchOperation {
  readonly op: (typeof KINDS)[number];
  readonly path: readonly string[];
  readonly from: readonly string[];
  readonly value: unknown;
}

/** A checked patch document. */
export interface Patch {
  readonly operations: readonly PatchOperation[];
  readonly condition: Predicate | undefined;
}

/** Cuts a JSON pointer (RFC 6901) into its names. */
function pointer(path: unknown): string[] | undefined {
  if (typeof path !== 'string' || !path.startsWith('/')) return undefined;
  return path
    .slice(1)
    .split('/')
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function parseOperation(input: unknown): Outcome<PatchOperation> {
  if (!isJsonObject(input)) return fail('BadRequest', 'A patch operation must be an object.');
  const op = KINDS.find((kind) => kind === input['op']);
  if (!op) return fail('BadRequest', `The patch operation "${String(input['op'])}" is not known.`);
  const path = pointer(input['path']);
  if (!path) return fail('BadRequest', 'The path of a patch operation must begin with "/".');
  const [first = ''] = path;
  if (SYSTEM_PROPERTIES.some((name) => name === first)) {
    return fail('BadRequest', `The system property "${first}" cannot be patched.`);
  }
  const from = op === 'move' ? pointer(input['from']) : [];
  if (!from) return fail('BadRequest', 'A move needs "from".');
  const value = input['value'];
  if (op !== 'remove' && op !== 'move' && value === undefined) {
    return fail('BadRequest', `The patch operation "${op}" needs a value.`);
  }
  if ((op === 'incr' || op === 'increment') && typeof value !== 'number') {
    return fail('BadRequest', 'An increment needs a number.');
  }
  return ok({ op, path, from, value });
}

/** Reads the body of a patch: `{operations, condition}`, or the bare operations. */
export function parsePatch(body: unknown): Outcome<Patch> {
  const operations = Array.isArray(body)
    ? (body as unknown[])
    : isJsonObject(body)
      ? body['operations']
      : undefined;
  if (!Array.isArray(operations) || operations.length === 0) {
    return fail('BadRequest', 'A patch needs at least one operation.');
  }
  if (operations.length > MAX_OPERATIONS) {
    return fail('BadRequest', `A patch has at most ${MAX_OPERATIONS} operations.`);
  }
  const parsed: PatchOperation[] = [];
  for (const input of operations as unknown[]) {
    const operation = parseOperation(input);
    if (!operation.ok) return operation;
    parsed.push(operation.value);
  }
  const text = isJsonObject(body) ? body['condition'] : undefined;
  if (text === undefined || text === null || text === '')
    return ok({ operations: parsed, condition: undefined });
  if (typeof text !== 'string') return fail('BadRequest', 'The condition of a patch must be a string.');
  const condition = compilePredicate(text);
  return condition.ok ? ok({ operations: parsed, condition: condition.value }) : condition;
}

type Holder =
  | { readonly array: unknown[]; readonly name: string }
  | { readonly object: JsonObject; readonly name: string };

/** Finds what holds the last name of a path; undefined when the way to it does not exist. */
function holderOf(item: JsonObject, path: readonly string[]): Holder | undefined {
  let at: unknown = item;
  for (const name of path.slice(0, -1)) {
    if (Array.isArray(at)) at = at[Number(name)];
    else at = isJsonObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  }
  const name = path.at(-1) ?? '';
  if (Array.isArray(at)) return { array: at as unknown[], name };
  return isJsonObject(at) ? { object: at, name } : undefined;
}

const noPath = (operation: PatchOperation): Failure =>
  fail(
    'BadRequest',
    `The path "/${operation.path.join('/')}" of the patch operation "${operation.op}" does not exist.`,
  );

function define(object: JsonObject, name: string, value: unknown): void {
  // Not an assignment: "__proto__" is an ordinary name in JSON.
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

function put(holder: Holder, operation: PatchOperation, value: unknown): Failure | undefined {
  if ('object' in holder) {
    if (operation.op === 'replace' && !Object.hasOwn(holder.object, holder.name)) return noPath(operation);
    define(holder.object, holder.name, value);
    return undefined;
  }
  const { array } = holder;
  const index = holder.name === '-' ? array.length : Number(holder.name);
  if (!Number.isInteger(index) || index < 0 || index > array.length) return noPath(operation);
  if (operation.op === 'add' || operation.op === 'move') array.splice(index, 0, value);
  else if (index === array.length) {
    if (operation.op === 'replace') return noPath(operation);
    array.push(value);
  } else array[index] = value;
  return undefined;
}

/** Takes a value out of its place; a missing one is a failure. */
function take(item: JsonObject, path: readonly string[], operation: PatchOperation): Outcome<unknown> {
  const holder = holderOf(item, path);
  if (!holder) return noPath(operation);
  if ('object' in holder) {
    if (!Object.hasOwn(holder.object, holder.name)) return noPath(operation);
    const value = holder.object[holder.name];
    delete holder.object[holder.name];
    return ok(value);
  }
  const index = Number(holder.name);
  if (!Number.isInteger(index) || index < 0 || index >= holder.array.length) return noPath(operation);
  return ok(holder.array.splice(index, 1)[0]);
}

function increment(holder: Holder, operation: PatchOperation): Failure | undefined {
  const by = operation.value as number;
  if ('array' in holder) {
    const old = holder.array[Number(holder.name)];
    if (typeof old !== 'number') return noPath(operation);
    holder.array[Number(holder.name)] = old + by;
    return undefined;
  }
  const old = Object.hasOwn(holder.object, holder.name) ? holder.object[holder.name] : 0;
  if (typeof old !== 'number') return fail('BadRequest', 'Only a number can be incremented.');
  define(holder.object, holder.name, old + by);
  return undefined;
}

function applyOne(item: JsonObject, operation: PatchOperation): Failure | undefined {
  if (operation.op === 'remove') {
    const taken = take(item, operation.path, operation);
    return taken.ok ? undefined : taken;
  }
  // A copy: a later operation of this patch may change it, and the patch may run again.
  let value: unknown = structuredClone(operation.value);
  if (operation.op === 'move') {
    const taken = take(item, operation.from, operation);
    if (!taken.ok) return taken;
    value = taken.value;
  }
  const holder = holderOf(item, operation.path);
  if (!holder) return noPath(operation);
  if (operation.op === 'incr' || operation.op === 'increment') return increment(holder, operation);
  return put(holder, operation, value);
}

/** Applies a patch to `item`, which it changes; all or nothing is the caller's business. */
export function applyPatch(item: JsonObject, patch: Patch): Outcome<JsonObject> {
  if (patch.condition && !patch.condition(item)) {
    return fail('PreconditionFailed', 'The condition of the patch does not hold.');
  }
  for (const operation of patch.operations) {
    const failure = applyOne(item, operation);
    if (failure) return failure;
  }
  return ok(item);
}
