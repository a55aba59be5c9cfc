import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { describe, fail } from './errors';
import { errorXml } from './xml';

/** Codes of Node's parser and their status; everything else is a 400. */
const STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** Answers what is no HTTP request in the form of the service, and closes the connection. */
export function answerMalformed(server: Server): void {
  const responses = new WeakMap<Socket, ServerResponse>();
  server.on('request', (message, response) => responses.set(message.socket, response));
  server.on('clientError', (error: NodeJS.ErrnoException, stream) => {
    const socket = stream as Socket;
    const hasBegun = responses.get(socket);
    // In the middle of an answer only a broken connection can say that something is wrong.
    if (
      error.code === 'ECONNRESET' ||
      !socket.writable ||
      (hasBegun?.headersSent && !hasBegun.writableEnded)
    ) {
      socket.destroy();
      return;
    }
    const refused = fail('InvalidInput', 'It is no HTTP request.');
    const body = Buffer.from(errorXml(refused.error, describe(refused).message));
    const head = [
      `HTTP/1.1 ${STATUS[error.code ?? ''] ?? '400 Bad Request'}`,
      'Server: Headwater-Blob/1.0',
      `x-ms-error-code: ${refused.error}`,
      'Content-Type: application/xml',
      `Content-Length: ${body.length}`,
      'Connection: close',
    ];
    socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]), () => socket.destroy());
  });
}
