import type { Socket } from 'node:net';
import type { Delivery, EventContext } from 'rhea';
import type { RheaReceiver } from './amqp';
import { refusal, type Refusal } from './conditions';
import { MalformedError } from './encoding';
import { BATCH_FORMAT, type Numbering, parsePublication, type Publication, withPublisher } from './event';
import type { Intake } from './intake';
import { MAX_MESSAGE_BYTES, PUBLISH_CREDIT } from './limits';
import type { Hub } from './namespace';
import type { Partition } from './partition';
import { type Claim, numberAfter, type NumberedSend } from './producers';

const TOO_LARGE = refusal(
  'amqp:link:message-size-exceeded',
  `The received message (delivery-id) exceeds the limit (${MAX_MESSAGE_BYTES} bytes) currently allowed on the link.`,
);

/** What was accepted of all publishers. */
export interface Published {
  /** Sends, each of one event or a batch of them. */
  operations: number;
  events: number;
}

/** Where a link's events go: to a hub, or to one partition of it, there perhaps as an idempotent producer; or under the name of a publisher. */
export interface Destination {
  readonly hub: Hub;
  readonly partition: Partition | undefined;
  readonly producer?: Claim;
  readonly publisher?: string;
}

/** A publication, with its numbers when it comes from an idempotent producer. */
type Checked = Publication & { readonly send?: NumberedSend };

/** A client's sending link: to a hub, or to one partition of it. */
export class Publisher {
  private settledCredit = 0;

  constructor(
    private readonly receiver: RheaReceiver,
    private readonly to: Destination,
    private readonly shared: { readonly intake: Intake; readonly published: Published },
    private readonly socket: Socket,
  ) {
    receiver.isRaw = true;
    receiver.on('message', (context: EventContext) => this.receive(context));
    receiver.add_credit(PUBLISH_CREDIT);
  }

  private receive({ message, delivery }: EventContext): void {
    if (!delivery) return;
    const { discarded } = this.receiver;
    delete this.receiver.discarded;
    if (discarded === 'aborted') {
      this.settle(delivery, undefined);
      return;
    }
    const bytes: unknown = message;
    const publication = discarded ? TOO_LARGE : this.parse(bytes, delivery.format);
    if ('condition' in publication) {
      this.settle(delivery, publication);
      return;
    }
    const { intake, published } = this.shared;
    const size = (bytes as Buffer).length;
    intake.add(size, this.socket);
    const partition = this.to.partition ?? this.to.hub.route(publication.partitionKey);
    void partition.append(publication.events, publication.send).then((refused) => {
      intake.remove(size);
      if (!refused) {
        published.operations++;
        published.events += publication.events.length;
      }
      this.settle(delivery, refused);
    });
  }

  private parse(bytes: unknown, format: number | undefined): Checked | Refusal {
    if (!Buffer.isBuffer(bytes)) return refusal('amqp:decode-error', 'The message is empty.');
    if (bytes.length > MAX_MESSAGE_BYTES) return TOO_LARGE;
    try {
      return this.check(parsePublication(bytes, format === BATCH_FORMAT, this.to.producer !== undefined));
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      return refusal('amqp:decode-error', error.message);
    }
  }

  private check(publication: Publication): Checked | Refusal {
    const { partition, producer, publisher } = this.to;
    if (publisher !== undefined) return publishedBy(publisher, publication);
    if (partition && publication.partitionKey !== undefined) {
      return refusal('amqp:not-allowed', 'An event for a given partition cannot have a partition key.');
    }
    if (!producer) return publication;
    const send = numbersOf(publication.numbering, producer);
    return 'condition' in send ? send : { ...publication, send };
  }

  private settle(delivery: Delivery, refused: Refusal | undefined): void {
    if (refused) delivery.reject(refused);
    else delivery.accept();
    this.settledCredit += 1;
    if (this.settledCredit < PUBLISH_CREDIT / 4) return;
    this.receiver.add_credit(this.settledCredit);
    this.settledCredit = 0;
  }
}

/** https://learn.microsoft.com/azure/event-hubs/event-hubs-features#publisher-policy: the partition key is the publisher's name. */
function publishedBy(publisher: string, publication: Publication): Publication | Refusal {
  const { events, partitionKey } = publication;
  if (partitionKey !== undefined && partitionKey !== publisher) {
    return refusal('amqp:not-allowed', "The partition key of a publisher's events must be its name.");
  }
  const hasKey = partitionKey !== undefined;
  return {
    ...publication,
    events: events.map((event) => withPublisher(event, publisher, hasKey)),
    partitionKey: publisher,
  };
}

/** The numbers of a send, which must be those of the link's producer, one after the other. */
function numbersOf(
  numbering: readonly (Numbering | undefined)[],
  { group, level }: Claim,
): NumberedSend | Refusal {
  let last: number | undefined;
  for (const entry of numbering) {
    const isOurs = entry && entry.group === group && entry.level === level && entry.number >= 0;
    if (!isOurs || (last !== undefined && entry.number !== numberAfter(last))) {
      return refusal(
        'com.microsoft:argument-error',
        'The events of an idempotent producer must carry its producer id and epoch, and consecutive sequence numbers.',
      );
    }
    last = entry.number;
  }
  const first = numbering[0]?.number ?? 0;
  return { group, level, first, last: last ?? first };
}
