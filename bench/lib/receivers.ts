import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { callsTo } from '../../tools/lib/child-calls';
import type { ConsumerOptions, ConsumerStats, Entry } from '../../tools/lib/consumer';
import type { Held } from '../../tools/lib/holdings';
import { until } from './work';

export type ReceiverOptions = Pick<ConsumerOptions, 'fail' | 'seed' | 'secret'> & {
  /** Takes part in the handshake, accepts every change, and never answers it. */
  readonly hang?: boolean;
};

export interface ReceiverState extends ConsumerStats {
  /** Documents ever told of. */
  readonly documents: number;
  /** The sum of the newest versions of all of them. */
  readonly versions: number;
}

/** What the child is asked; each is answered under its id. */
export type ReceiverRequest = { readonly id: number } & (
  | { readonly call: 'open'; readonly receivers: readonly ReceiverOptions[] }
  | { readonly call: 'states' }
  | { readonly call: 'log' | 'held'; readonly which: number }
);

/** Consumers in a process of their own, by their place in the list that they were started with. */
export interface Receivers {
  readonly pid: number;
  readonly urls: readonly string[];
  states(): Promise<ReceiverState[]>;
  /** Every change that came to one of them, in order. */
  log(which: number): Promise<Entry[]>;
  /** What one of them holds. */
  held(which: number): Promise<Held[]>;
  /** Waits until a consumer's documents are at these versions, in sum; false when nothing moved for `quietMs`. */
  reached(which: number, versions: number, quietMs?: number): Promise<boolean>;
  dispose(): Promise<void>;
}

const POLL_MS = 100;
const QUIET_MS = 30_000;

/** Starts a consumer for each of the options. */
export async function startReceivers(receivers: readonly ReceiverOptions[]): Promise<Receivers> {
  const child = fork(join(__dirname, 'receivers-child.js'), { serialization: 'advanced' });
  const ask = callsTo(child, 'The consumers have ended.');
  const states = () => ask<ReceiverState[]>({ call: 'states' });
  return {
    pid: child.pid ?? 0,
    urls: await ask<string[]>({ call: 'open', receivers }),
    states,
    log: (which) => ask<Entry[]>({ call: 'log', which }),
    held: (which) => ask<Held[]>({ call: 'held', which }),
    reached: (which, versions, quietMs = QUIET_MS) => reached(states, which, versions, quietMs),
    async dispose() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.disconnect();
      await exit;
    },
  };
}

async function reached(
  states: () => Promise<ReceiverState[]>,
  which: number,
  versions: number,
  quietMs: number,
): Promise<boolean> {
  let last = { received: -1, at: performance.now() };
  return until('The last delivery', POLL_MS, Infinity, async () => {
    const state = (await states())[which];
    if (state && state.versions >= versions) return true;
    const received = state?.received ?? 0;
    const now = performance.now();
    if (received !== last.received) last = { received, at: now };
    return now - last.at > quietMs ? false : undefined;
  });
}
