import { formatCharge } from '../charge';
import { fail, ok, type Failure, type Outcome } from '../errors';
import { flag, header, parseJson, tooLarge, type CosmosRequest, type Reply } from '../http';
import {
  isFullKey,
  isJsonObject,
  keyText,
  parseKey,
  type JsonObject,
  type PartitionKey,
} from '../partition-key';
import type { ContainerRecord } from '../store/resources';
import { rangeOf } from '../store/ranges';
import { parsePatch } from './patch';
import type { ServiceContext } from './context';
import { inTransaction, type Admit } from './transaction';
import { prepareContent } from './content';
import { locate, type ItemOperation, type ItemResult, type OperationType } from './write';

// https://learn.microsoft.com/azure/cosmos-db/concepts-limits#per-request-limits
const MAX_OPERATIONS = 100;
const MAX_BATCH_BYTES = 2 * 1024 * 1024;
/** The SDK fills bulk requests up to 220,201 bytes, or one operation; the service takes about 2.4 MB. */
const MAX_BULK_BYTES = 2_400_000;

const TYPES: readonly OperationType[] = ['Create', 'Upsert', 'Replace', 'Read', 'Delete', 'Patch'];

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** What a batch calls its operations' partition key: the header's, or each operation's own JSON text. */
function keyOf(
  container: ContainerRecord,
  input: JsonObject,
  given: PartitionKey | undefined,
): Outcome<PartitionKey | undefined> {
  const own = text(input['partitionKey']);
  if (own === undefined) return ok(given);
  const key = parseKey(own, container.definition.partitionKey);
  if (key.ok && given && keyText(key.value) !== keyText(given)) {
    return fail('BadRequest', 'All operations of a transactional batch must have one partition key.');
  }
  return key;
}

function prepare(
  container: ContainerRecord,
  input: unknown,
  batchKey: PartitionKey | undefined,
): Outcome<ItemOperation> {
  if (!isJsonObject(input)) return fail('BadRequest', 'An operation of a batch must be an object.');
  const type = TYPES.find((candidate) => candidate === input['operationType']);
  if (!type)
    return fail('BadRequest', `The operation type "${String(input['operationType'])}" is not known.`);
  const given = keyOf(container, input, batchKey);
  if (!given.ok) return given;
  const ifMatch = text(input['ifMatch']);
  const ifNoneMatch = text(input['ifNoneMatch']);
  const conditions = {
    ...(ifMatch !== undefined && { ifMatch }),
    ...(ifNoneMatch !== undefined && { ifNoneMatch }),
  };
  const body = input['resourceBody'];
  if (type === 'Create' || type === 'Upsert' || type === 'Replace') {
    const prepared = prepareContent(container, body, given.value);
    if (!prepared.ok) return prepared;
    const { content, key, id } = prepared.value;
    const located = locate(container, key);
    if (!located.ok) return located;
    if (type === 'Replace' && text(input['id']) !== undefined && input['id'] !== id) {
      return fail('BadRequest', 'The id of an item cannot be changed.');
    }
    return ok({ type, key, ...located.value, id, content, ...conditions });
  }
  const id = text(input['id']);
  const key = given.value;
  if (id === undefined || !key || !isFullKey(key, container.definition.partitionKey)) {
    return fail('BadRequest', 'The operation needs an id and a partition key.');
  }
  const located = locate(container, key);
  if (!located.ok) return located;
  if (type !== 'Patch') return ok({ type, key, ...located.value, id, ...conditions });
  const patch = parsePatch(body);
  return patch.ok ? ok({ type, key, ...located.value, id, patch: patch.value, ...conditions }) : patch;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly charge: number;
}

/** What was refused for the rate was not tried. */
const chargeOf = ({ code }: Failure): number => (code === 'TooManyRequests' ? 0 : 1);

function success(result: ItemResult, minimal: boolean): Answer {
  const fields = [`"statusCode":${result.status}`, `"requestCharge":${formatCharge(result.charge)}`];
  if (result.etag !== undefined) fields.push(`"eTag":${JSON.stringify(result.etag)}`);
  if (result.render && !minimal) fields.push(`"resourceBody":${result.render()}`);
  return { status: result.status, text: `{${fields.join(',')}}`, charge: result.charge };
}

function refusal(failure: Failure): Answer {
  const charge = chargeOf(failure);
  const body: JsonObject = {
    statusCode: failure.status,
    requestCharge: charge,
    message: failure.message,
  };
  if (failure.substatus !== undefined) body['subStatusCode'] = failure.substatus;
  if (failure.retryAfterMs !== undefined) body['retryAfterMilliseconds'] = failure.retryAfterMs;
  return { status: failure.status, text: JSON.stringify(body), charge };
}

const DEPENDENT: Failure = fail('FailedDependency', 'Another operation of the batch failed.');

function toReply(answers: readonly Answer[]): Reply {
  let charge = 0;
  let status = 200;
  for (const answer of answers) {
    charge += answer.charge;
    if (answer.status >= 400) status = 207;
  }
  return { status, charge, body: `[${answers.map((answer) => answer.text).join(',')}]` };
}

/** All or nothing: one refusal undoes everything, the others answer 424. */
async function runAtomic(
  context: ServiceContext,
  container: ContainerRecord,
  prepared: readonly Outcome<ItemOperation>[],
  minimal: boolean,
): Promise<Outcome<Reply>> {
  const broken = prepared.findIndex((operation) => !operation.ok);
  const refuseAt = (at: number, failure: Failure): Reply =>
    toReply(prepared.map((_, i) => refusal(i === at ? failure : DEPENDENT)));
  const first = prepared[broken];
  if (first && !first.ok) return ok(refuseAt(broken, first));
  const operations = prepared.flatMap((operation) => (operation.ok ? [operation.value] : []));
  const outcome = await inTransaction(context, container, operations, 'atomic');
  if (!outcome.ok) return outcome;
  const failed = outcome.value.findIndex((result) => !result.ok);
  const failure = outcome.value[failed];
  if (failure && !failure.ok) return ok(refuseAt(failed, failure));
  return ok(toReply(outcome.value.flatMap((result) => (result.ok ? [success(result.value, minimal)] : []))));
}

/** Each operation for itself; with `stopAtFailure` those after a failure answer 424 and are not tried. */
async function runBulk(
  context: ServiceContext,
  container: ContainerRecord,
  prepared: readonly Outcome<ItemOperation>[],
  minimal: boolean,
  stopAtFailure: boolean,
  admit: Admit,
): Promise<Outcome<Reply>> {
  const broken = prepared.findIndex((operation) => !operation.ok);
  const tried = stopAtFailure && broken >= 0 ? prepared.slice(0, broken) : prepared;
  const operations = tried.flatMap((operation) => (operation.ok ? [operation.value] : []));
  const outcome = await inTransaction(
    context,
    container,
    operations,
    stopAtFailure ? 'until-failure' : 'each',
    admit,
  );
  if (!outcome.ok) return outcome;
  const results = outcome.value.values();
  let stopped = false;
  const answers = prepared.map((operation) => {
    if (stopped) return refusal(DEPENDENT);
    const result = operation.ok ? (results.next().value ?? DEPENDENT) : operation;
    if (result.ok) return success(result.value, minimal);
    stopped = stopAtFailure;
    return refusal(result);
  });
  return ok(toReply(answers));
}

/** All operations of one request lie in one physical range: the SDK sees to that. */
function rangeOfBatch(container: ContainerRecord, prepared: readonly Outcome<ItemOperation>[]): number {
  const first = prepared.find((operation) => operation.ok);
  return first?.ok ? rangeOf(container.ranges, first.value.epk) : 0;
}

/** `POST …/docs` with `x-ms-cosmos-is-batch-request`: a transactional batch, or a bulk request. */
export async function executeBatch(
  context: ServiceContext,
  container: ContainerRecord,
  request: CosmosRequest,
): Promise<Outcome<Reply>> {
  const atomic = flag(request, 'x-ms-cosmos-batch-atomic');
  if (request.body.length > (atomic ? MAX_BATCH_BYTES : MAX_BULK_BYTES)) return tooLarge();
  const parsed = parseJson(request.body);
  if (!parsed.ok) return parsed;
  const inputs = parsed.value;
  if (!Array.isArray(inputs) || inputs.length === 0)
    return fail('BadRequest', 'A batch is an array of operations.');
  if (inputs.length > MAX_OPERATIONS)
    return fail('BadRequest', `A batch has at most ${MAX_OPERATIONS} operations.`);
  let batchKey: PartitionKey | undefined;
  const keyHeader = header(request, 'x-ms-documentdb-partitionkey');
  if (atomic) {
    if (keyHeader === undefined) return fail('BadRequest', 'A transactional batch needs a partition key.');
    const key = parseKey(keyHeader, container.definition.partitionKey);
    if (!key.ok) return key;
    batchKey = key.value;
  }
  const prepared = (inputs as unknown[]).map((input) => prepare(container, input, batchKey));
  const range = rangeOfBatch(container, prepared);
  // Too high a rate refuses a transaction as a whole, and of a bulk request those operations for which nothing is left.
  const admit: Admit = (charged) => context.throttle.check(container, range, charged);
  const refused = atomic ? admit(0) : undefined;
  if (refused) return refused;
  const minimal = header(request, 'prefer') === 'return=minimal';
  const stopAtFailure = header(request, 'x-ms-cosmos-batch-continue-on-error')?.toLowerCase() === 'false';
  const reply = atomic
    ? await runAtomic(context, container, prepared, minimal)
    : await runBulk(context, container, prepared, minimal, stopAtFailure, admit);
  if (reply.ok) context.throttle.spend(container, range, reply.value.charge ?? 0);
  return reply;
}
