import { log } from './log';

export type Counters = Readonly<Record<string, number>>;

/** What a service of the local cloud gives back when it has started. */
export interface Service {
  /** The TCP port it listens on (loopback only). */
  readonly port: number;
  /** What it has answered since it started, by kind; only ever grows. */
  counters?(): Counters;
  /** Stops listening, finishes what was acknowledged, closes its store. */
  dispose(): Promise<void>;
}

/** Supervisor → child. */
export type ToChild =
  { type: 'start'; options: unknown } | { type: 'counters'; id: number } | { type: 'stop' };
/** Child → supervisor, first of all. */
export type FromChild = { type: 'ready'; port: number } | { type: 'failed'; code: string; message: string };
/** Child → supervisor, when asked. */
export type CountersReply = { type: 'counters'; id: number; counters: Counters };

/**
 * Entry point of a service's child process: waits for its options, starts the service, says when it is ready,
 * and ends when told to, or when the supervisor is gone.
 */
export function runAsChild(name: string, start: (options: never) => Promise<Service>): void {
  let service: Promise<Service> | undefined;
  const send = (message: FromChild | CountersReply): void => void process.send?.(message);
  const stop = async (code: number): Promise<void> => {
    // A hanging connection must not keep a stopped service alive.
    setTimeout(() => process.exit(code), 5_000).unref();
    await service?.then((started) => started.dispose()).catch(() => undefined);
    process.exit(code);
  };
  process.on('message', (message: ToChild) => {
    if (message.type === 'stop') {
      void stop(0);
      return;
    }
    if (message.type === 'counters') {
      const { id } = message;
      service?.then(
        (started) => send({ type: 'counters', id, counters: started.counters?.() ?? {} }),
        () => undefined,
      );
      return;
    }
    service = start(message.options as never);
    service.then(
      ({ port }) => send({ type: 'ready', port }),
      (error: NodeJS.ErrnoException) => {
        log(name, `did not start: ${error.message}`);
        send({ type: 'failed', code: error.code ?? 'EFAILED', message: error.message });
      },
    );
  });
  process.on('disconnect', () => void stop(0));
  // Ctrl-C reaches the whole process group; the supervisor decides the order in which children end.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => void stop(0));
}
