/** The engine in a process of its own, told what to do by messages. Argument: the file of its store. */
import { obey } from './child';
import { EVENT, EVENT_VALUE, openPowerEngine } from './durable-app';

export interface Request {
  readonly command: 'start' | 'raise' | 'end' | 'purge' | 'terminate';
  readonly id: string;
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

obey(answer, () => engine.dispose());
