import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AnswerReader, type Answer } from './answer';

/**
 * What became of a request.
 * - `answered`
 * - `unconnected`: nothing was sent
 * - `lost`: the connection ended before the answer: the server may or may not have done what was asked
 */
export type Outcome =
  { readonly kind: 'answered'; readonly answer: Answer } | { readonly kind: 'unconnected' | 'lost' };

export interface Target {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
}

export function targetOf(url: URL): Target {
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { secure, host, port: Number(url.port) || (secure ? 443 : 80) };
}

/** One connection that is kept alive, with one request under way at most. Connects anew by itself. */
export class Connection {
  private socket: Socket | undefined;
  private reader = new AnswerReader();
  private connected = false;
  private settle: ((outcome: Outcome) => void) | undefined;

  constructor(
    private readonly target: Target,
    private readonly timeoutMs: number,
  ) {}

  /**
   * Sends a request. Calls back exactly once, never before it returns.
   * @param request head and body, as text
   */
  send(request: string, settle: (outcome: Outcome) => void): void {
    this.settle = settle;
    this.socket ??= this.open();
    this.socket.write(request, 'utf8');
  }

  /** Ends the connection; a request under way is lost. */
  close(): void {
    this.socket?.destroy();
  }

  private open(): Socket {
    const { secure, host, port } = this.target;
    const socket = secure
      ? connectTls({
          host,
          port,
          ALPNProtocols: ['http/1.1'],
          ...(/[a-z]/i.test(host) ? { servername: host } : {}),
        })
      : connectTcp({ host, port });
    this.reader = new AnswerReader();
    this.connected = false;
    socket.setNoDelay(true);
    socket.setTimeout(this.timeoutMs, () => socket.destroy());
    socket.once(secure ? 'secureConnect' : 'connect', () => (this.connected = true));
    socket.on('data', (chunk) => this.read(socket, chunk));
    // The server will not answer any more; 'close' tells the rest.
    socket.on('end', () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('close', () => this.closed(socket));
    return socket;
  }

  private read(socket: Socket, chunk: Buffer): void {
    if (socket !== this.socket) return;
    const answer = this.settle ? this.reader.feed(chunk) : 'broken';
    if (answer === 'more') return;
    if (answer === 'broken') return void socket.destroy();
    if (answer.close) this.drop(socket);
    this.done({ kind: 'answered', answer });
  }

  private closed(socket: Socket): void {
    if (socket !== this.socket) return;
    this.drop(socket);
    this.done({ kind: this.connected ? 'lost' : 'unconnected' });
  }

  private drop(socket: Socket): void {
    this.socket = undefined;
    socket.destroy();
  }

  private done(outcome: Outcome): void {
    const { settle } = this;
    this.settle = undefined;
    settle?.(outcome);
  }
}
