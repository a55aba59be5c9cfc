import { type Message, types } from 'rhea';
import { noEntity } from './address';
import { refusal, type Refusal } from './conditions';
import type { Hub, Namespace } from './namespace';
import { lastEnqueued } from './runtime';

/** Answer of a request-response node: a body, or why not. */
export type Answer = { readonly body: unknown } | Refusal;

const HUB_TYPE = 'com.microsoft:eventhub';
const PARTITION_TYPE = 'com.microsoft:partition';
/** Type code of `string` with a 4-byte size. */
const STR32 = 0xb1;

/**
 * `$management`: what the SDKs read about a hub and its partitions.
 * @param isAllowed whether the connection has a token for a path.
 */
export function answerManagement(
  request: Message,
  namespace: Namespace,
  isAllowed: (path: string) => boolean,
): Answer {
  const { operation, name, type, partition } = (request.application_properties ?? {}) as Record<
    string,
    unknown
  >;
  if (typeof operation !== 'string' || typeof name !== 'string' || typeof type !== 'string') {
    return refusal('com.microsoft:argument-error', 'The request must have operation, name and type.');
  }
  if (!isAllowed(`${name.toLowerCase()}/$management`)) {
    return refusal(
      'amqp:unauthorized-access',
      `Unauthorized access. '${name}' needs a token with 'Listen' or 'Send'.`,
    );
  }
  if (operation !== 'READ' || (type !== HUB_TYPE && type !== PARTITION_TYPE)) {
    return refusal('amqp:not-implemented', `${operation} of ${type} is not implemented here.`);
  }
  const hub = namespace.hub(name);
  if (!hub) return noEntity(name);
  return type === HUB_TYPE
    ? { body: describeHub(hub) }
    : describePartition(hub, typeof partition === 'string' ? partition : '');
}

function describeHub(hub: Hub): unknown {
  const ids = hub.partitions.map((_, id) => String(id));
  return {
    name: hub.name,
    type: HUB_TYPE,
    created_at: types.wrap_timestamp(hub.createdAt.getTime()),
    partition_count: types.wrap_int(ids.length),
    partition_ids: types.wrap_array(ids, STR32, undefined),
    georeplication_factor: types.wrap_int(1),
  };
}

function describePartition(hub: Hub, id: string): Answer {
  const partition = hub.partition(id);
  if ('condition' in partition) return partition;
  return {
    body: {
      name: hub.name,
      type: PARTITION_TYPE,
      partition: id,
      begin_sequence_number: types.wrap_long(partition.firstSequenceNumber),
      is_partition_empty: partition.isEmpty,
      ...lastEnqueued(partition),
    },
  };
}
