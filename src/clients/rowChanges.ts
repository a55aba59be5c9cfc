import { setTimeout as delay } from 'node:timers/promises';
import type { Container, OperationInput, RequestOptions } from '@azure/cosmos';
import type { DeliveryRow } from '../domain/egress/row';
import { MAX_OPERATIONS, REQUESTS_AT_A_TIME, THROTTLED, throttledPause } from './bulk';
import { rowName, type Change, type KnownRow, type RowKey, type StoredRow } from './storedRow';
import { mapLimited } from './once';

const NO_CONTENT: RequestOptions = { contentResponseOnWriteEnabled: false };

/** Conflicts with whoever else writes the same rows are over soon. */
const MAX_ROUNDS = 40;

const CONFLICTS = new Set([404, 409, 412, 449]);

interface Planned<K> {
  readonly known: K;
  readonly row: DeliveryRow;
  readonly operations: readonly OperationInput[];
}

/** How one request ended for its rows. */
interface Written<K> {
  readonly conflicts: K[];
  readonly throttled: K[];
}

/**
 * Changes rows of any partitions under their ETags, a hundred in a request: each on its own, so that one which somebody
 * else has changed does not hold up the others. Those are read and asked about again.
 */
export async function changeRows<K extends KnownRow>(
  container: Container,
  read: (keys: readonly RowKey[]) => Promise<Map<string, StoredRow>>,
  known: readonly K[],
  change: (row: DeliveryRow | undefined, known: K) => Change,
  stored: (row: StoredRow, known: K) => void,
): Promise<void> {
  let left = known;
  for (let round = 0; left.length > 0; round++) {
    if (round === MAX_ROUNDS) throw new Error(`Rows such as ${left[0]?.id} keep changing.`);
    const planned = left.flatMap((one): Planned<K>[] => {
      const next = change(one.stored?.row, one);
      return next ? [{ known: one, row: next.row, operations: operationsOf(one, next) }] : [];
    });
    const requests = [...inRequests(planned)];
    const written = await mapLimited(requests, REQUESTS_AT_A_TIME, (part) => write(container, part, stored));
    const throttled = written.flatMap((one) => one.throttled);
    const conflicts = written.flatMap((one) => one.conflicts);
    if (throttled.length > 0) await throttledPause();
    else if (round > 2) await delay(Math.random() * 20);
    const again = conflicts.length === 0 ? new Map<string, StoredRow>() : await read(conflicts);
    left = [...throttled, ...conflicts.map((one) => ({ ...one, stored: again.get(rowName(one)) }))];
  }
}

function operationsOf({ pk, stored }: KnownRow, { row, attempt }: NonNullable<Change>): OperationInput[] {
  const resourceBody = row as never;
  const own: OperationInput =
    stored === undefined
      ? { operationType: 'Create', partitionKey: pk, resourceBody }
      : { operationType: 'Replace', partitionKey: pk, id: row.id, ifMatch: stored.etag, resourceBody };
  if (!attempt) return [own];
  return [own, { operationType: 'Upsert', partitionKey: pk, resourceBody: attempt as never }];
}

/** Parts of at most {@link MAX_OPERATIONS} operations. */
function* inRequests<K>(planned: readonly Planned<K>[]): Generator<Planned<K>[]> {
  let part: Planned<K>[] = [];
  let operations = 0;
  for (const one of planned) {
    if (operations + one.operations.length > MAX_OPERATIONS) {
      yield part;
      [part, operations] = [[], 0];
    }
    part.push(one);
    operations += one.operations.length;
  }
  if (part.length > 0) yield part;
}

async function write<K extends KnownRow>(
  { items }: Container,
  part: readonly Planned<K>[],
  stored: (row: StoredRow, known: K) => void,
): Promise<Written<K>> {
  const operations = part.flatMap((one) => one.operations);
  const results = await items.bulk([...operations], { continueOnError: true }, NO_CONTENT);
  if (results.length !== operations.length)
    throw new Error(`The store answered ${results.length} of ${operations.length} operations.`);
  const conflicts: K[] = [];
  const throttled: K[] = [];
  let at = 0;
  for (const { known, row, operations: own } of part) {
    const { statusCode, eTag } = results[at] ?? { statusCode: 0 };
    at += own.length;
    if (statusCode >= 200 && statusCode < 300 && eTag !== undefined) stored({ row, etag: eTag }, known);
    else if (CONFLICTS.has(statusCode)) conflicts.push(known);
    else if (statusCode === THROTTLED) throttled.push(known);
    else
      throw Object.assign(new Error(`The store answered ${statusCode} to a change of a delivery row.`), {
        code: statusCode,
      });
  }
  return { conflicts, throttled };
}
