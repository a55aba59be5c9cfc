/** A server that reads a body and answers 202, and does nothing else: in a process of its own, for `headroom`. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

let count = 0;

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    Buffer.concat(parts);
    response.writeHead(202, { 'Content-Type': 'application/json' });
    response.end(`{"id":"${++count}"}`);
  });
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
// The bench has ended, in whatever way.
process.on('disconnect', () => process.exit(0));
