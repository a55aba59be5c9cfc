import { refusal, type Refusal } from './conditions';
import type { Hub, Namespace } from './namespace';
import type { Partition } from './partition';
import type { ReaderGroup } from './readers';

const PUBLISH = /^\/?([^/]+?)(?:\/partitions\/([^/]*))?\/?$/i;
const RECEIVE = /^\/?([^/]+)\/consumergroups\/([^/]+)\/partitions\/([^/]*)\/?$/i;
const PUBLISHER_POLICY = /^\/?[^/]+\/publishers\//i;
const WRONG_FORM =
  'Invalid EventHub address. It must be either of the following. Sender: <EventHubName>. Partition Sender: <EventHubName>/Partitions/<PartitionNumber>. Partition Receiver: <EventHubName>/ConsumerGroups/<ConsumerGroupName>/Partitions/<PartitionNumber>.';

/** Where a publishing link goes; without a partition, events are routed one by one. */
export interface PublishTarget {
  readonly hub: Hub;
  readonly partition: Partition | undefined;
}

export function publishTarget(address: string, namespace: Namespace): PublishTarget | Refusal {
  if (PUBLISHER_POLICY.test(address)) {
    return refusal('amqp:not-implemented', 'Publisher policies are not implemented here.');
  }
  const match = PUBLISH.exec(address);
  const [, name = '', id] = match ?? [];
  if (!match || id?.trim() === '') return refusal('com.microsoft:argument-error', WRONG_FORM);
  const hub = namespace.hub(name);
  if (!hub) return noEntity(name);
  const partition = id === undefined ? undefined : hub.partition(id);
  return partition && 'condition' in partition ? partition : { hub, partition };
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
