import type { IncomingMessage } from 'node:http';
import { fail, type Failure } from './errors';
import { BodyTooLargeError, ClientGoneError, type RequestBody } from './protocol';

/** Collects the body with plain events: for the small bodies of most requests much cheaper than an async iterator. */
function collect(message: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const stop = (settle: () => void): void => {
      message.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      settle();
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.byteLength;
      if (size > limit) stop(() => reject(new BodyTooLargeError()));
      else chunks.push(chunk);
    };
    const onEnd = (): void => {
      const [only, more] = chunks;
      stop(() => resolve(only && !more ? only : Buffer.concat(chunks, size)));
    };
    const onClose = (): void => stop(() => reject(new ClientGoneError()));
    message.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}

async function* iterate(message: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    // The connection is still needed for the answer when the reader gives up.
    for await (const chunk of message.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
  } catch (error) {
    throw new ClientGoneError('The client closed the connection.', { cause: error });
  }
  if (!message.complete) throw new ClientGoneError();
}

/** The body of a request. */
export function readBody(message: IncomingMessage): RequestBody | Failure {
  const text = message.headers['content-length'];
  const none = text === undefined && message.headers['transfer-encoding'] === undefined;
  const length = text === undefined ? (none ? 0 : undefined) : Number(text);
  if (length !== undefined && !Number.isSafeInteger(length))
    return fail('InvalidHeaderValue', 'Content-Length');
  return {
    length,
    readAll: (limit) => (none || length === 0 ? Promise.resolve(Buffer.alloc(0)) : collect(message, limit)),
    chunks: () => iterate(message),
  };
}
