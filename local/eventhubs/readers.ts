import { refusal, type Refusal } from './conditions';
import { MAX_READERS_PER_GROUP } from './limits';

/** A reader as its competitors see it. */
export interface Competitor {
  readonly name: string;
  /** Owner level; undefined for a reader that shares the partition. */
  readonly epoch: number | undefined;
  /** Ends the reader because another one took its place. */
  disconnect(why: Refusal): void;
}

/**
 * The readers of one partition in one consumer group. A reader with an owner level is alone: the same or a higher
 * level takes over. Without, up to five share.
 * https://learn.microsoft.com/azure/event-hubs/event-hubs-event-processor-host#epoch
 */
export class ReaderGroup {
  private readonly members = new Set<Competitor>();

  /** Lets a reader in, ending those it displaces, or says why it may not come in. */
  join(reader: Competitor): Refusal | undefined {
    const owner = [...this.members].find(({ epoch }) => epoch !== undefined);
    const refused = this.check(reader, owner);
    if (refused) return refused;
    if (reader.epoch !== undefined) this.displace(reader.name, reader.epoch);
    this.members.add(reader);
    return undefined;
  }

  leave(reader: Competitor): void {
    this.members.delete(reader);
  }

  private check({ name, epoch }: Competitor, owner: Competitor | undefined): Refusal | undefined {
    if (epoch === undefined && owner) {
      return refusal(
        'amqp:link:stolen',
        `At least one receiver for the endpoint is created with epoch of '${owner.epoch}', and so non-epoch receiver is not allowed. Either reconnect with a higher epoch, or make sure all epoch receivers are closed or disconnected.`,
      );
    }
    if (epoch !== undefined && owner?.epoch !== undefined && owner.epoch > epoch) {
      return refusal(
        'amqp:link:stolen',
        `Receiver '${owner.name}' with a higher epoch '${owner.epoch}' already exists. Receiver '${name}' with epoch ${epoch} cannot be created. Make sure you are creating receiver with increasing epoch value to ensure connectivity, or ensure all old epoch receivers are closed or disconnected.`,
      );
    }
    if (epoch === undefined && this.members.size >= MAX_READERS_PER_GROUP) {
      return refusal(
        'amqp:resource-limit-exceeded',
        `Exceeded the maximum number of allowed receivers per partition in a consumer group which is ${MAX_READERS_PER_GROUP}. List of connected receivers - ${[...this.members].map((member) => member.name).join(', ')}.`,
      );
    }
    return undefined;
  }

  private displace(name: string, epoch: number): void {
    for (const member of this.members) {
      this.members.delete(member);
      member.disconnect(
        refusal(
          'amqp:link:stolen',
          `New receiver '${name}' with higher epoch of '${epoch}' is created hence current receiver '${member.name}' with epoch '${member.epoch ?? 'nil'}' is getting disconnected. If you are recreating the receiver, make sure a higher epoch is used.`,
        ),
      );
    }
  }
}
