import type { Socket } from 'node:net';
import { type Container, type EventContext, type link, message as codec, type Message } from 'rhea';
import { log } from '../shared/log';
import { publishTarget, receiveSource } from './address';
import {
  closeNow,
  deferAttach,
  hardenConnection,
  hardenSession,
  hasTooManySessions,
  type RheaConnection,
  type RheaReceiver,
  type RheaSender,
  type RheaSession,
} from './amqp';
import { Claims } from './cbs';
import { refusal, type Refusal } from './conditions';
import type { Intake } from './intake';
import { MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, MIN_PEER_FRAME_BYTES } from './limits';
import { asksForNumbering, claimRequest, offerClaim, offerTracking, readerOptions } from './link-terms';
import { answerManagement } from './management';
import type { Namespace } from './namespace';
import { startOf } from './position';
import { type Destination, Publisher, type Published } from './publisher';
import { Reader } from './reader';
import { reply } from './reply';
import type { SharedAccessKey } from './sas';

const CBS = '$cbs';
const MANAGEMENT = '$management';
const REQUEST_CREDIT = 100;
/** How long a peer that broke the protocol may take to read why. */
const DROP_GRACE_MS = 1_000;
/** `setTimeout` takes no more. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A link to an entity, and the reader if it is one on which the client receives. */
interface OpenLink {
  readonly address: string;
  readonly reader?: Reader;
}

export interface Shared {
  readonly namespace: Namespace;
  readonly credential: SharedAccessKey;
  readonly intake: Intake;
  readonly published: Published;
}

/** One client's connection: which links it may open, and what answers on them. */
export class ClientConnection {
  private readonly connection: RheaConnection;
  private readonly claims: Claims;
  private readonly links = new Map<link, OpenLink>();
  private expiryTimer: NodeJS.Timeout | undefined;
  private pumpScheduled = false;

  constructor(
    container: Container,
    private readonly socket: Socket,
    private readonly shared: Shared,
  ) {
    this.claims = new Claims(shared.credential);
    const options = {
      max_frame_size: MAX_FRAME_BYTES,
      // Credit and outcomes are given by the links' owners.
      receiver_options: { autoaccept: false, credit_window: 0, max_message_size: MAX_MESSAGE_BYTES },
      // Events are settled as they are sent: readers keep their own checkpoints.
      sender_options: { snd_settle_mode: 1, max_message_size: MAX_MESSAGE_BYTES },
    };
    this.connection = container.create_connection(options as never) as unknown as RheaConnection;
    hardenConnection(this.connection, socket);
    this.listen();
    this.connection.accept(socket);
    socket.setNoDelay(true);
    socket.on('drain', () => this.pumpAll());
    socket.on('close', () => {
      clearTimeout(this.expiryTimer);
      this.forget(() => true);
    });
  }

  private listen(): void {
    const { connection } = this;
    connection.on('connection_open', () => this.checkPeer());
    connection.on('session_open', ({ session }: EventContext) => this.openSession(session as RheaSession));
    connection.on('session_close', ({ session }: EventContext) =>
      this.forget((link) => link.session === session),
    );
    connection.on('receiver_open', ({ receiver }: EventContext) =>
      this.openReceiver(receiver as RheaReceiver),
    );
    connection.on('sender_open', ({ sender }: EventContext) => this.openSender(sender as RheaSender));
    connection.on('receiver_close', ({ receiver }: EventContext) => this.forget((link) => link === receiver));
    connection.on('sender_close', ({ sender }: EventContext) => this.forget((link) => link === sender));
    connection.on('message', ({ delivery }: EventContext) => delivery?.release());
    connection.on('protocol_error', (error: unknown) => this.drop(error));
    connection.on('error', (error: unknown) => this.drop(error));
    const quiet = ['connection_error', 'session_error', 'sender_error', 'receiver_error', 'disconnected'];
    for (const name of quiet) connection.on(name, () => undefined);
  }

  /** Ends the connection of a peer that broke the protocol. */
  private drop(error: unknown): void {
    log('eventhubs', `A connection is closed: ${error instanceof Error ? error.message : String(error)}`);
    if (!this.connection.is_open()) {
      this.socket.destroy();
      return;
    }
    closeNow(
      this.connection,
      refusal('amqp:connection:framing-error', 'A frame is malformed or out of place.'),
    );
    this.socket.end();
    setTimeout(() => this.socket.destroy(), DROP_GRACE_MS).unref();
  }

  private checkPeer(): void {
    const frames = (this.connection as unknown as { max_frame_size?: number | null }).max_frame_size;
    if (typeof frames === 'number' && frames < MIN_PEER_FRAME_BYTES) {
      this.close(refusal('amqp:connection:framing-error', 'max-frame-size is too small.'));
    }
  }

  private openSession(session: RheaSession): void {
    hardenSession(session, () => this.schedulePump());
    if (hasTooManySessions(this.connection)) {
      this.close(refusal('amqp:connection:framing-error', 'Too many sessions.'));
    }
  }

  // --- links on which clients send ---

  private openReceiver(receiver: RheaReceiver): void {
    const address = receiver.target?.address ?? '';
    receiver.set_source(receiver.source);
    receiver.set_target({ address });
    if (address === CBS || address === MANAGEMENT) {
      receiver.add_credit(REQUEST_CREDIT);
      receiver.on('message', (context: EventContext) => this.answer(receiver, address, context));
      return;
    }
    const refused = this.openPublisher(receiver, address);
    if (refused) receiver.close(refused);
  }

  private openPublisher(receiver: RheaReceiver, address: string): Refusal | undefined {
    const refused = this.unauthorized(address);
    if (refused) return refused;
    const target = publishTarget(address, this.shared.namespace);
    if ('condition' in target) return target;
    if (!asksForNumbering(receiver)) {
      this.publishTo(receiver, address, target);
      return undefined;
    }
    const { partition } = target;
    if (!partition)
      return refusal('com.microsoft:argument-error', 'Idempotent publishing needs a partition.');
    const request = claimRequest(receiver);
    if ('condition' in request) return request;
    const answer = deferAttach(receiver);
    void partition.claim(request).then((claim) => {
      if (!('condition' in claim)) offerClaim(receiver, claim);
      if (!answer()) return;
      if ('condition' in claim) receiver.close(claim);
      else this.publishTo(receiver, address, { ...target, producer: claim });
    });
    return undefined;
  }

  private publishTo(receiver: RheaReceiver, address: string, to: Destination): void {
    this.links.set(receiver, { address });
    void new Publisher(receiver, to, this.shared, this.socket);
  }

  private answer(receiver: RheaReceiver, node: string, { message, delivery }: EventContext): void {
    delivery?.accept();
    receiver.add_credit(1);
    const request = (Buffer.isBuffer(message) ? codec.decode(message) : message) as Message | undefined;
    if (!request) return;
    const answer =
      node === CBS
        ? this.claims.put(request, Date.now())
        : answerManagement(request, this.shared.namespace, (path) => this.claims.allow(path, Date.now()));
    if (node === CBS) this.watchExpiry();
    reply(this.connection, request, answer, node === CBS ? 'Accepted' : 'OK');
  }

  // --- links on which clients receive ---

  private openSender(sender: RheaSender): void {
    const address = sender.source?.address ?? '';
    sender.set_target(sender.target);
    sender.set_source({ address, filter: sender.source?.filter });
    if (sender.snd_settle_mode === 0) sender.local.attach.snd_settle_mode = 0;
    if (address === CBS || address === MANAGEMENT) return;
    const refused = this.openReader(sender, address);
    if (refused) sender.close(refused);
  }

  private openReader(sender: RheaSender, address: string): Refusal | undefined {
    const refused = this.unauthorized(address);
    if (refused) return refused;
    const source = receiveSource(address, this.shared.namespace);
    if ('condition' in source) return source;
    const options = readerOptions(sender);
    if ('condition' in options) return options;
    const start = startOf(sender.source?.filter, source.partition);
    if (typeof start === 'object' && 'condition' in start) return start;
    const reader = new Reader(sender, this.socket, source.partition, source.group, options);
    const stolen = source.group.join(reader);
    if (stolen) {
      reader.close();
      return stolen;
    }
    if (options.isTracking) offerTracking(sender);
    this.links.set(sender, { address, reader });
    if (typeof start === 'number') reader.start(start);
    else
      void start.then(
        (found) => reader.start(found),
        (error: unknown) => reader.fail(error),
      );
    return undefined;
  }

  private unauthorized(address: string): Refusal | undefined {
    if (this.claims.allow(address, Date.now())) return undefined;
    return refusal(
      'amqp:unauthorized-access',
      `Unauthorized access to '${address}': no valid token covers it.`,
    );
  }

  private schedulePump(): void {
    if (this.pumpScheduled) return;
    this.pumpScheduled = true;
    // After rhea has written what the new credit lets out.
    setImmediate(() => {
      this.pumpScheduled = false;
      this.pumpAll();
    });
  }

  private pumpAll(): void {
    for (const { reader } of this.links.values()) reader?.pump();
  }

  private forget(isGone: (link: link) => boolean): void {
    for (const [link, { reader }] of this.links) {
      if (!isGone(link)) continue;
      reader?.close();
      this.links.delete(link);
    }
  }

  /** Closes the links whose tokens have run out, as soon as the next token does. */
  private watchExpiry(): void {
    clearTimeout(this.expiryTimer);
    const delay = Math.min(this.claims.nextExpiry(Date.now()) - Date.now(), MAX_TIMER_MS);
    this.expiryTimer = setTimeout(() => {
      for (const [link, { address, reader }] of this.links) {
        const refused = this.unauthorized(address);
        if (!refused) continue;
        reader?.close();
        this.links.delete(link);
        link.close(refused);
      }
      if (this.links.size > 0) this.watchExpiry();
    }, delay).unref();
  }

  /** Tells the client why, and closes the socket. */
  close(why: Refusal = refusal('amqp:connection:forced', 'The endpoint is going down.')): void {
    this.connection.close(why);
    setImmediate(() => this.socket.end());
  }
}
