import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import {
  type Connection,
  create_container,
  type EventContext,
  type Message,
  type Receiver,
  type Sender,
} from 'rhea';

/** A `put-token` request. */
export interface Token {
  readonly type: unknown;
  readonly name: unknown;
  readonly body: unknown;
  readonly operation: unknown;
}

/** A SAS token as clients make it. */
export function signToken(
  resource: string,
  expiry: number,
  credential: { keyName: string; key: string },
): string {
  const sr = encodeURIComponent(resource);
  const signature = createHmac('sha256', credential.key).update(`${sr}\n${expiry}`).digest('base64');
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${credential.keyName}`;
}

/** What the first of the events gives. */
function first<T>(link: Sender | Receiver, events: Record<string, (context: EventContext) => T>): Promise<T> {
  return new Promise((resolve) => {
    const listeners = Object.entries(events).map(([name, give]) => {
      const listener = (context: EventContext): void => {
        for (const [other, own] of listeners) link.removeListener(other, own);
        resolve(give(context));
      };
      return [name, listener] as const;
    });
    for (const [name, listener] of listeners) link.on(name, listener);
  });
}

/** A client that can send what the SDK would not. */
export class Peer {
  private requests = 0;
  private links = 0;
  private publisher: Sender | undefined;

  private constructor(
    private readonly port: number,
    private readonly connection: Connection,
    private readonly nodes: Readonly<Record<string, { readonly to: Sender; readonly from: Receiver }>>,
  ) {}

  static async open(port: number): Promise<Peer> {
    const container = create_container();
    container.on('error', () => undefined);
    container.on('disconnected', () => undefined);
    const connection = container.connect({ port, host: '127.0.0.1', reconnect: false });
    await once(connection, 'connection_open');
    const nodes: Record<string, { to: Sender; from: Receiver }> = {};
    for (const node of ['$cbs', '$management']) {
      const from = connection.open_receiver({ source: node, name: `reply-${node}`, target: `reply-${node}` });
      const to = connection.open_sender(node);
      await Promise.all([once(from, 'receiver_open'), once(to, 'sendable')]);
      nodes[node] = { to, from };
    }
    return new Peer(port, connection, nodes);
  }

  private async ask(node: string, message: Message): Promise<number> {
    const { to, from } = this.nodes[node]!;
    this.requests += 1;
    const answer = once(from, 'message') as Promise<[{ message: Message }]>;
    to.send({ ...message, message_id: this.requests, reply_to: `reply-${node}` });
    const [{ message: reply }] = await answer;
    return Number(reply.application_properties?.['status-code']);
  }

  putToken({ body, ...properties }: Token): Promise<number> {
    return this.ask('$cbs', { application_properties: properties, body });
  }

  authorize(credential: { keyName: string; key: string }): Promise<number> {
    const name = `sb://127.0.0.1:${this.port}/`;
    const body = signToken(name, Math.floor(Date.now() / 1000) + 600, credential);
    return this.putToken({ operation: 'put-token', type: 'servicebus.windows.net:sastoken', name, body });
  }

  manage(properties: Record<string, unknown>): Promise<number> {
    return this.ask('$management', { application_properties: properties, body: null });
  }

  /** Opens a link to the address and gives the condition with which it is closed, or `open`. */
  async attach(address: string): Promise<string> {
    this.links += 1;
    const isReader = /consumergroups/i.test(address);
    const name = `link-${this.links}`;
    const link = isReader
      ? this.connection.open_receiver({ name, source: address })
      : this.connection.open_sender({ name, target: address });
    return first<string>(link, {
      [isReader ? 'receiver_error' : 'sender_error']: () =>
        (link.error as { condition: string } | undefined)?.condition ?? 'closed',
      [isReader ? 'message' : 'sendable']: () => 'open',
    });
  }

  /** Sends the bytes as a message and gives the condition with which they are rejected, or `accepted`. */
  async publish(bytes: Buffer, format: number): Promise<string> {
    if (!this.publisher) {
      this.publisher = this.connection.open_sender('orders');
      await once(this.publisher, 'sendable');
    }
    const { publisher } = this;
    const outcome = first<string>(publisher, {
      accepted: () => 'accepted',
      rejected: ({ delivery }) =>
        (delivery as unknown as { remote_state: { error: { condition: string } } }).remote_state.error
          .condition,
    });
    publisher.send(bytes, undefined, format);
    return outcome;
  }

  async close(): Promise<void> {
    const closed = once(this.connection, 'connection_close');
    this.connection.close();
    await closed;
  }
}
