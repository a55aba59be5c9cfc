import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { fail, type Failure } from './errors';
import { failureReply, sendReply } from './http';

/** Answers on a connection whose request could not be read, and closes it. */
function answerRaw(socket: Duplex, failure: Failure): void {
  // Nobody listens any more, or an answer is on its way.
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { status, body = '' } = failureReply(failure);
  socket.end(
    `HTTP/1.1 ${status} ${failure.code}\r\nconnection: close\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${String(body)}`,
  );
}

/** Gives what Node would refuse by itself, with an empty body or none at all, an answer in the form of the service. */
export function refuseMalformed(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    answerRaw(
      socket,
      error.code === 'HPE_HEADER_OVERFLOW'
        ? fail('RequestHeaderFieldsTooLarge', 'The headers of the request are too large.')
        : fail('BadRequest', 'The request is not valid HTTP.'),
    );
  });
  server.on('checkExpectation', (_: IncomingMessage, response: ServerResponse) => {
    sendReply(
      response,
      failureReply(fail('ExpectationFailed', 'The expectation of the request is not known.')),
    );
  });
  server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => socket.destroy());
    answerRaw(socket, fail('MethodNotAllowed', `The method ${request.method ?? ''} is not allowed here.`));
  });
}
