import { fail, ok, type Outcome } from '../errors';
import { header, type CosmosRequest, type Reply } from '../http';
import { isFullKey, parseKey } from '../partition-key';
import type { ServiceContext } from './context';
import { methodNotAllowed } from './feed';
import { inTransaction } from './transaction';
import { locate, type ItemOperation } from './write';

/** Small enough that a slice does not hold up the requests between two slices. */
const SLICE = 100;

/**
 * `POST …/operations/partitionkeydelete`: deletes all items of a logical partition, some at a time. The service does so
 * in the background (https://learn.microsoft.com/azure/cosmos-db/how-to-delete-by-partition-key).
 */
export async function onKeyDeletion(
  context: ServiceContext,
  request: CosmosRequest,
  database: string,
  id: string,
): Promise<Outcome<Reply>> {
  const found = context.catalog.container(database, id);
  if (!found.ok) return found;
  if (request.method !== 'POST') return methodNotAllowed(request);
  const container = found.value;
  const { partitionKey } = container.definition;
  const key = parseKey(header(request, 'x-ms-documentdb-partitionkey') ?? '', partitionKey);
  if (!key.ok) return key;
  if (!isFullKey(key.value, partitionKey)) {
    return fail('BadRequest', 'The request needs the full partition key.');
  }
  const located = locate(container, key.value);
  if (!located.ok) return located;
  let charge = 0;
  let last = '';
  for (;;) {
    const items = container.items.all('pk = ? AND id > ?', [located.value.pk, last], `id LIMIT ${SLICE}`);
    const operations = items.map((item): ItemOperation => ({
      type: 'Delete',
      key: key.value,
      ...located.value,
      id: item.id,
    }));
    if (operations.length === 0) return ok({ status: 200, charge: Math.max(1, charge) });
    const outcome = await inTransaction(context, container, operations, 'each');
    if (!outcome.ok) return outcome;
    for (const result of outcome.value) charge += result.ok ? result.value.charge : 0;
    last = operations.at(-1)?.id ?? last;
  }
}
