import { connect } from 'node:net';

/** What is sent over a connection of its own, as it is: one byte a character. */
export interface Malformed {
  readonly bytes: string;
  /** Whether the sender goes away after it, in the middle of what it announced. */
  readonly cut?: boolean;
}

/** Who refuses before it has read everything may reset the connection. */
const GONE: readonly unknown[] = ['ECONNRESET', 'EPIPE'];

/** Whether the head is there, and as much of a body as it announces. */
function isWhole(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(answer.slice(0, end))?.[1] ?? 0);
  return answer.length - end - 4 >= length;
}

/** Sends it, and resolves with what comes back until the connection ends, or the answer is whole. */
export function exchange(port: number, { bytes, cut }: Malformed): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('latin1');
    if (cut) socket.end(bytes, 'latin1');
    else socket.write(bytes, 'latin1');
    socket.on('data', (chunk) => {
      answer += String(chunk);
      if (isWhole(answer)) socket.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => GONE.includes(error.code) || reject(error));
    socket.on('close', () => resolve(answer));
  });
}
