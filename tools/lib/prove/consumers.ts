import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { callsTo } from '../child-calls';
import { BUILT_LIB } from '../paths';
import type { Taken } from './facts';

export interface ConsumerSettings {
  /** Where it writes down what it has accepted. */
  readonly file: string;
  /** The share of requests that it answers with 400 or 500. */
  readonly fail: number;
  readonly seed: number;
}

export interface ConsumerState {
  /** The sum of the newest versions of all documents that it was told of. */
  readonly versions: number;
  readonly received: number;
  readonly refused: number;
}

export type ConsumersRequest =
  | { readonly call: 'open'; readonly consumers: readonly ConsumerSettings[] }
  | { readonly call: 'states' | 'close' };

export interface Consumers {
  readonly pid: number;
  readonly urls: readonly string[];
  states(): Promise<readonly ConsumerState[]>;
  /** No more is accepted; what was is in the files then. */
  close(): Promise<void>;
  dispose(): Promise<void>;
}

/** Starts subscribers in a child process. */
export async function startConsumers(consumers: readonly ConsumerSettings[]): Promise<Consumers> {
  const child = fork(join(BUILT_LIB, 'prove', 'consumers-child.js'));
  const calls = callsTo(child, 'The subscribers have ended.');
  const ask = <T>(request: ConsumersRequest): Promise<T> => calls<T>(request);
  return {
    pid: child.pid ?? 0,
    urls: await ask<string[]>({ call: 'open', consumers }),
    states: () => ask({ call: 'states' }),
    close: () => ask({ call: 'close' }),
    async dispose() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.disconnect();
      await exit;
    },
  };
}

/** Reads what a subscriber has written down. @throws when a line is none */
export async function readTaken(file: string): Promise<Taken[]> {
  const taken: Taken[] = [];
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    const [key, version, at] = line.split('\t');
    if (key === undefined || !/^\d+$/.test(version ?? '') || at === undefined)
      throw new Error(`${file} has a line that is none: ${line}`);
    taken.push({ key, version: Number(version), at: Number(at) });
  }
  return taken;
}
