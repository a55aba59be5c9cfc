import { connect } from 'node:net';

/** What is sent over a connection of its own, as it is: one byte a character. */
export interface Malformed {
  readonly bytes: string;
  /** Whether the sender goes away after it, in the middle of what it announced. */
  readonly cut?: boolean;
}

/**
 * Sends it, and resolves with what comes back until the connection ends, or the answer is whole.
 * @param gone codes of errors that end an exchange like any other: who refuses before it has read everything may reset the
 *   connection
 */
export function exchange(
  port: number,
  { bytes, cut }: Malformed,
  isWhole: (answer: string) => boolean,
  gone: readonly string[] = ['ECONNRESET'],
): Promise<string> {
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
    socket.on('error', (error: NodeJS.ErrnoException) => gone.includes(error.code ?? '') || reject(error));
    socket.on('close', () => resolve(answer));
  });
}
