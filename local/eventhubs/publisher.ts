import type { Socket } from 'node:net';
import type { Delivery, EventContext } from 'rhea';
import type { RheaReceiver } from './amqp';
import { refusal, type Refusal } from './conditions';
import { MalformedError } from './encoding';
import { BATCH_FORMAT, parsePublication, type Publication } from './event';
import type { Intake } from './intake';
import { MAX_MESSAGE_BYTES, PUBLISH_CREDIT } from './limits';
import type { Hub } from './namespace';
import type { Partition } from './partition';

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

/** A client's sending link: to a hub, or to one partition of it. */
export class Publisher {
  private settledCredit = 0;

  constructor(
    private readonly receiver: RheaReceiver,
    private readonly hub: Hub,
    private readonly partition: Partition | undefined,
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
    const partition = this.partition ?? this.hub.route(publication.partitionKey);
    void partition.append(publication.events).then((refused) => {
      intake.remove(size);
      if (!refused) {
        published.operations++;
        published.events += publication.events.length;
      }
      this.settle(delivery, refused);
    });
  }

  private parse(bytes: unknown, format: number | undefined): Publication | Refusal {
    if (!Buffer.isBuffer(bytes)) return refusal('amqp:decode-error', 'The message is empty.');
    if (bytes.length > MAX_MESSAGE_BYTES) return TOO_LARGE;
    try {
      return this.check(parsePublication(bytes, format === BATCH_FORMAT));
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      return refusal('amqp:decode-error', error.message);
    }
  }

  private check(publication: Publication): Publication | Refusal {
    if (this.partition && publication.partitionKey !== undefined) {
      return refusal('amqp:not-allowed', 'An event for a given partition cannot have a partition key.');
    }
    return publication;
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
