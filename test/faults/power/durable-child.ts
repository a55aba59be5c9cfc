/** The engine in a process of its own, told what to do by messages. Argument: the file of its store. */
import { EVENT, EVENT_VALUE, openPowerEngine } from './durable-app';

export type Command = 'start' | 'raise' | 'end' | 'purge' | 'terminate';
export interface Request {
  readonly number: number;
  readonly command: Command;
  readonly id: string;
}
export interface Reply {
  readonly number: number;
  readonly result: string;
}

/** Longer than the process lives. */
const FOREVER_MS = 600_000;
const engine = openPowerEngine(process.argv[2] ?? '');

async function answer({ command, id }: Request): Promise<string> {
  switch (command) {
    case 'start':
      return (await engine.startInstance({ name: 'Work', id, input: null })).outcome;
    case 'raise':
      return engine.raiseEvent(id, EVENT, String(EVENT_VALUE));
    case 'end': {
      await engine.whenEnded(id, FOREVER_MS);
      const { status, output } = engine.find(id) ?? {};
      return `${status} ${output}`;
    }
    case 'purge':
      return (await engine.purge(id)).outcome;
    case 'terminate':
      return engine.terminate(id, null);
    default:
      return command satisfies never;
  }
}

process.on('message', (request: Request | { type: 'stop' }) => {
  if ('type' in request) {
    engine.dispose();
    process.exit(0);
  }
  answer(request).then(
    (result) => process.send?.({ number: request.number, result } satisfies Reply),
    (error: unknown) => process.send?.({ number: request.number, result: `failed: ${String(error)}` }),
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });
