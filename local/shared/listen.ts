import type { Server } from 'node:net';

/** Only this machine may talk to the local cloud. */
export const LOOPBACK = '127.0.0.1';

/**
 * Listens on loopback and resolves with the port (0 asks for a free one).
 * @throws an error whose message names the port, with code `EADDRINUSE`, when it is taken.
 */
export function listen(server: Server, port: number, what: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') {
        error.message = `Port ${port}, which ${what} needs, is already in use. Stop the other program or choose another port.`;
      }
      reject(error);
    });
    server.listen(port, LOOPBACK, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}
