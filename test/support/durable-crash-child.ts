/**
 * A process that runs the durable engine on a given store, to be killed at any moment.
 * Argument: the folder of the store, and of what the app and the operator keep. The store is opened when it is told.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openEngine } from '../../local/durable';
import { registerApp } from './durable-crash-app';
import { Operator, type Root } from './durable-crash-operator';
import { InProcessRunner } from './durable-host';
import { loadSdk } from './durable-sdk';

export type ToChild =
  | { type: 'open' }
  | { type: 'start'; id: string; name: string }
  | { type: 'raise'; id: string }
  | { type: 'status'; ids: string[] }
  | { type: 'rewind'; life: number; roots: Root[] }
  | { type: 'churn'; life: number }
  | ({ type: 'doom' } & Doom);

/** At which moment the process kills itself. */
export interface Doom {
  /** After so many operations have begun ... */
  operations: number;
  /** ... and so many transactions more: */
  transactions: number;
  /** before the next one begins, or when it is on disk and nobody has heard of it yet. */
  statement: 'BEGIN IMMEDIATE' | 'COMMIT';
}

export interface StatusRow {
  id: string;
  status: string;
  output: string | null;
}

export type FromChild =
  | { type: 'loaded' | 'ready' }
  | { type: 'started' | 'raised'; id: string; result?: string }
  | { type: 'status'; rows: StatusRow[] }
  /** The operator has done all that it was told. */
  | { type: 'idle' };

const [, , folder = ''] = process.argv;
registerApp(loadSdk(), folder);
const say = (message: FromChild): void => void process.send?.(message);

let doom: Doom | undefined;
// oxlint-disable-next-line typescript/unbound-method -- it is called on the database that it was called on
const { exec } = DatabaseSync.prototype;
DatabaseSync.prototype.exec = function (text): void {
  exec.call(this, text);
  if (!doom || doom.operations > 0 || text !== doom.statement) return;
  if (doom.transactions-- === 0) process.kill(process.pid, 'SIGKILL');
};

function open(): (request: Exclude<ToChild, { type: 'open' }>) => Promise<void> {
  const engine = openEngine({
    file: join(folder, 'durable.db'),
    runner: new InProcessRunner(20),
    verifyEvery: 7,
    maxConcurrentActivities: 16,
  });
  engine.start();
  const operator = new Operator(engine, folder, () => {
    if (doom) doom.operations--;
  });
  say({ type: 'ready' });
  return async (request) => {
    switch (request.type) {
      case 'start':
        await engine.startInstance({ name: request.name, id: request.id, input: null });
        say({ type: 'started', id: request.id });
        return;
      case 'raise':
        say({ type: 'raised', id: request.id, result: await engine.raiseEvent(request.id, 'Go', '9') });
        return;
      case 'rewind':
        await operator.rewindAll(request.roots, request.life);
        say({ type: 'idle' });
        return;
      case 'doom':
        doom = request;
        return;
      case 'churn':
        await operator.churn(request.life);
        say({ type: 'idle' });
        return;
      case 'status': {
        await Promise.all(request.ids.map((id) => engine.whenEnded(id, 60_000)));
        const rows = request.ids.map((id) => {
          const { status, output } = engine.find(id) ?? { status: 'missing', output: null };
          return { id, status, output };
        });
        say({ type: 'status', rows });
      }
    }
  };
}

let handle: ReturnType<typeof open> | undefined;
process.on('message', (request: ToChild) => {
  if (request.type === 'open') handle = open();
  else void handle?.(request);
});
process.on('disconnect', () => process.exit(0));
say({ type: 'loaded' });
