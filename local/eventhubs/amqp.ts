import type { Socket } from 'node:net';
import { type Connection, type link, type Receiver, type Sender, type Session, types } from 'rhea';
import type { Refusal } from './conditions';
import { MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, MAX_SESSIONS_PER_CONNECTION } from './limits';

/**
 * What this endpoint needs of rhea beyond its typings, and the places where its server side is too trusting:
 * a broken or hostile peer must cost its own connection at most.
 */

interface Performative {
  first?: number;
  last?: number;
  message_format?: number | undefined;
  aborted?: boolean;
}

interface Frame {
  channel: number;
  performative: Performative;
  payload?: Buffer;
}

interface Incomplete {
  frames: Buffer[];
}

type FrameHandler = (frame: Frame) => void;

export interface RheaReceiver extends Receiver {
  credit: number;
  local: { attach: { offered_capabilities?: string; properties?: Record<string, unknown> } };
  _incomplete?: Incomplete;
  /** Set here: the delivery under way is to be refused, and why. */
  discarded?: 'oversize' | 'aborted';
  /** Set here: this link publishes, so its messages are wanted as bytes. */
  isRaw?: boolean;
}

export interface RheaSender extends Sender {
  credit: number;
  local: { attach: { snd_settle_mode?: number; offered_capabilities?: string } };
}

interface DeferrableLink {
  readonly state: { local_open: boolean; remote_open: boolean; open_requests: number };
  open(): void;
}

/**
 * Holds back the answer to an attach that was just received.
 * @returns sends it, and tells whether the peer still has the link.
 */
export function deferAttach(receiver: RheaReceiver): () => boolean {
  const link = receiver as unknown as DeferrableLink;
  const { state } = link;
  if (!state.local_open) throw new Error('This version of rhea is not supported.');
  state.local_open = false;
  state.open_requests -= 1;
  return () => {
    if (!state.remote_open) return false;
    link.open();
    return true;
  };
}

export interface RheaSession extends Session {
  outgoing: { available(): number; next_delivery_id: number; next_pending_delivery: number };
  links: Record<string, link>;
  on_transfer: FrameHandler;
  on_disposition: FrameHandler;
  on_flow: FrameHandler;
  _get_link(frame: Frame): link;
}

export interface RheaConnection extends Connection {
  frame_size?: number;
  remote_channel_map: Record<number, Record<string, FrameHandler>>;
  local_channel_map: Record<number, RheaSession>;
  remote: { open?: unknown };
  local: { close: { error?: unknown } };
  state: { close(): boolean };
  accept(socket: Socket): RheaConnection;
  input(chunk: Buffer): void;
  _process(): void;
  _register(): void;
}

/** Deliveries that can be unsettled in a session: rhea's buffer size. No disposition spans more. */
const MAX_DISPOSITION_SPAN = 4_096;

interface TypesReader {
  read_array_items(count: number, type: unknown): unknown[];
  buffer: Buffer;
}

/** An array of values without width may claim 4 billion items in a few bytes. */
function boundArrays(): void {
  const { prototype } = (types as unknown as { Reader: { prototype: TypesReader } }).Reader;
  const readItems = Object.getOwnPropertyDescriptor(prototype, 'read_array_items')?.value as
    TypesReader['read_array_items'] | undefined;
  if (!readItems) throw new Error('This version of rhea is not supported.');
  prototype.read_array_items = function bounded(this: TypesReader, count, type): unknown[] {
    if (count > this.buffer.length) throw new Error('An array claims more items than the frame has bytes.');
    return readItems.call(this, count, type);
  };
}
boundArrays();

/** How a peer begins: at once, or with the security layer, see http://docs.oasis-open.org/amqp/core/v1.0/amqp-core-transport-v1.0.html#section-version-negotiation */
const HEADERS = [
  Buffer.from('AMQP\x00\x01\x00\x00', 'latin1'),
  Buffer.from('AMQP\x03\x01\x00\x00', 'latin1'),
] as const;

/** Prepares a connection before it accepts its socket. */
export function hardenConnection(connection: RheaConnection, socket: Socket): void {
  const input = connection.input.bind(connection);
  let headerSeen = 0;
  connection.input = (chunk) => {
    const start = chunk.subarray(0, HEADERS[0].length - headerSeen);
    if (!HEADERS.some((header) => header.subarray(headerSeen, headerSeen + start.length).equals(start))) {
      connection.emit('protocol_error', new Error('It does not speak AMQP 1.0.'));
      return;
    }
    headerSeen += start.length;
    input(chunk);
    if ((connection.frame_size ?? 0) > MAX_FRAME_BYTES) {
      connection.emit('protocol_error', new Error('A frame is too large.'));
    }
  };
  const process = connection._process.bind(connection);
  connection._process = () => {
    // One system call for all frames of a turn.
    socket.cork();
    process();
    socket.uncork();
  };
  hardenFrames(connection);
}

/** Lets through the frames that may come at this time. */
function hardenFrames(connection: RheaConnection): void {
  const handlers = connection as unknown as Record<string, FrameHandler>;
  const begun = new Set<number>();
  for (const name of ['on_begin', 'on_attach', 'on_close'] as const) {
    const handle = handlers[name]?.bind(connection);
    if (!handle) throw new Error('This version of rhea is not supported.');
    handlers[name] = (frame) => {
      if (!connection.remote.open) throw new Error('A frame came before the open.');
      if (name === 'on_begin') {
        if (isInUse(connection, frame.channel)) throw new Error('A session was begun twice.');
        begun.add(frame.channel);
      }
      handle(frame);
    };
  }
  for (const name of ['on_transfer', 'on_disposition', 'on_flow', 'on_detach', 'on_end']) {
    handlers[name] = (frame) => {
      if (!begun.has(frame.channel)) throw new Error('A frame came on a channel without a session.');
      // A client that has ended a session may have sent such frames before it saw our answer.
      connection.remote_channel_map[frame.channel]?.[name]?.(frame);
    };
  }
}

function isInUse(connection: RheaConnection, channel: number): boolean {
  const session = connection.remote_channel_map[channel] as unknown as DeferrableLink | undefined;
  return session?.state.remote_open === true;
}

/** Tells the peer why its connection ends, at once: what is queued until the next turn would come too late. */
export function closeNow(connection: RheaConnection, why: Refusal): void {
  connection.local.close.error = why;
  connection.state.close();
  connection._process();
  // Whatever else it sends is not read.
  connection.input = () => undefined;
}

/** Prepares a new session; `onFlow` is called after each flow frame, also those that name no link. */
export function hardenSession(session: RheaSession, onFlow: () => void): void {
  const onTransfer = session.on_transfer.bind(session);
  session.on_transfer = (frame) => {
    const receiver = session._get_link(frame) as unknown as RheaReceiver;
    if (receiver.isRaw) keepRaw(receiver, frame);
    onTransfer(frame);
  };
  const onDisposition = session.on_disposition.bind(session);
  session.on_disposition = (frame) => {
    const { first = 0, last } = frame.performative;
    if ((last ?? first) - first > MAX_DISPOSITION_SPAN)
      throw new Error('A disposition spans too many deliveries.');
    onDisposition(frame);
  };
  const onFlowFrame = session.on_flow.bind(session);
  session.on_flow = (frame) => {
    onFlowFrame(frame);
    onFlow();
  };
}

/** Has rhea hand over the bytes of a message, and bounds what it collects of one that comes in many frames. */
function keepRaw(receiver: RheaReceiver, frame: Frame): void {
  const { performative } = frame;
  // rhea decodes format 0 only; that is also what an absent format means.
  if (performative.message_format === 0) performative.message_format = undefined;
  if (performative.aborted) receiver.discarded = 'aborted';
  const incomplete = receiver._incomplete;
  if (!incomplete) return;
  let collected = frame.payload?.length ?? 0;
  for (const part of incomplete.frames) collected += part?.length ?? 0;
  if (collected <= MAX_MESSAGE_BYTES) return;
  receiver.discarded ??= 'oversize';
  incomplete.frames.length = 0;
  delete frame.payload;
}

export function hasTooManySessions(connection: RheaConnection): boolean {
  return Object.keys(connection.local_channel_map).length > MAX_SESSIONS_PER_CONNECTION;
}

/** Messages that can be given to the link now without blocking its session for other links. */
export function room(sender: RheaSender): number {
  const { outgoing } = sender.session as RheaSession;
  const pending = outgoing.next_delivery_id - outgoing.next_pending_delivery;
  return Math.min(sender.credit - pending, outgoing.available());
}

/** Answers a drain: gives back the credit of a link that has nothing more to send. */
export function endDrain(sender: RheaSender): void {
  sender.set_drained(true);
  // rhea only notes it; outside of its own input nothing would be written.
  (sender.connection as RheaConnection)._register();
}
