import { Server } from 'node:net';
import { LOOPBACK } from '../shared/listen';

type Listen = (this: Server, ...options: unknown[]) => Server;

/**
 * Runs `start`; a server that it starts at once, and without an address, listens on loopback only. The SDK's listener
 * for HTTP streams would otherwise be open to the network, where it asks for no key.
 */
export function onLoopback<T>(start: () => T): T {
  const prototype = Server.prototype as unknown as { listen: Listen };
  const { listen } = prototype;
  prototype.listen = function (...options) {
    const anywhere = options.length === 0 || typeof options[0] === 'function';
    return anywhere ? listen.call(this, 0, LOOPBACK, ...options) : listen.apply(this, options);
  };
  try {
    return start();
  } finally {
    prototype.listen = listen;
  }
}
