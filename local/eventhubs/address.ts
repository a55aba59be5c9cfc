import { refusal, type Refusal } from './conditions';
import { MAX_PUBLISHER_BYTES } from './limits';
import type { Hub, Namespace } from './namespace';
import type { Partition } from './partition';
import type { ReaderGroup } from './readers';

const PUBLISH = /^\/?([^/]+?)(?:\/partitions\/([^/]*))?\/?$/i;
const RECEIVE = /^\/?([^/]+)\/consumergroups\/([^/]+)\/partitions\/([^/]*)\/?$/i;
const PUBLISHER = /^\/?([^/]+)\/publishers\/([^/]+)\/?$/i;
const WRONG_FORM =
  'Invalid EventHub address. It must be either of the following. Sender: <EventHubName>. Partition Sender: <EventHubName>/Partitions/<PartitionNumber>. Partition Receiver: <EventHubName>/ConsumerGroups/<ConsumerGroupName>/Partitions/<PartitionNumber>.';

/** Where a publishing link goes; without a partition, events are routed one by one, those of a publisher by its name. */
export interface PublishTarget {
  readonly hub: Hub;
  readonly partition: Partition | undefined;
  readonly publisher?: string;
}

export function publishTarget(address: string, namespace: Namespace): PublishTarget | Refusal {
  const policy = PUBLISHER.exec(address);
  if (policy) return publisherTarget(policy[1] ?? '', policy[2] ?? '', namespace);
  const match = PUBLISH.exec(address);
  const [, name = '', id] = match ?? [];
  if (!match || id?.trim() === '') return refusal('com.microsoft:argument-error', WRONG_FORM);
  const hub = namespace.hub(name);
  if (!hub) return noEntity(name);
  const partition = id === undefined ? undefined : hub.partition(id);
  return partition && 'condition' in partition ? partition : { hub, partition };
}

function publisherTarget(name: string, publisher: string, namespace: Namespace): PublishTarget | Refusal {
  if (Buffer.byteLength(publisher) > MAX_PUBLISHER_BYTES) {
    return refusal('com.microsoft:argument-out-of-range', 'The name of the publisher is too long.');
  }
  const hub = namespace.hub(name);
  return hub ? { hub, partition: undefined, publisher } : noEntity(name);
}

export interface ReceiveSource {
  readonly partition: Partition;
  readonly group: ReaderGroup;
}

export function receiveSource(address: string, namespace: Namespace): ReceiveSource | Refusal {
  const match = RECEIVE.exec(address);
  const [, name = '', groupName = '', id = ''] = match ?? [];
  if (!match || id.trim() === '') return refusal('com.microsoft:argument-error', WRONG_FORM);
  const hub = namespace.hub(name);
  if (!hub) return noEntity(name);
  const partition = hub.partition(id);
  if ('condition' in partition) return partition;
  const group = hub.readers(groupName, partition);
  return group ? { partition, group } : noEntity(`${name}/ConsumerGroups/${groupName}`);
}

export function noEntity(name: string): Refusal {
  return refusal('amqp:not-found', `The messaging entity '${name}' could not be found.`);
}
