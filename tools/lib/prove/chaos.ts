import type { LocalCloud } from '../../../local/start';
import { random } from '../random';
import { childrenOf } from '../processes';

export const KILL_EVERY_MS = 10_000;

export type Victim = 'blob' | 'eventhubs' | 'cosmos' | 'functions' | 'worker';
const VICTIMS: readonly Victim[] = ['blob', 'eventhubs', 'cosmos', 'functions', 'worker'];

export interface Kill {
  readonly victim: Victim;
  /** ms since the epoch */
  readonly at: number;
}

/** Kills a part of the cloud every ten seconds, until it is stopped. Whom, follows from the seed. */
export function startChaos(
  cloud: Pick<LocalCloud, 'kill' | 'children'>,
  seed: number,
  tell: (kill: Kill) => void,
): { kills: Kill[]; stop: () => void } {
  const source = random(seed);
  const kills: Kill[] = [];
  const timer = setInterval(() => {
    const kill = { victim: source.pick(VICTIMS), at: Date.now() };
    strike(cloud, kill.victim, kills.length);
    kills.push(kill);
    tell(kill);
  }, KILL_EVERY_MS);
  return { kills, stop: () => clearInterval(timer) };
}

function strike(cloud: Pick<LocalCloud, 'kill' | 'children'>, victim: Victim, turn: number): void {
  if (victim !== 'worker') return cloud.kill(victim, 'SIGKILL');
  const host = cloud.children.find(({ name }) => name === 'functions');
  const workers = host ? childrenOf(host.pid) : [];
  const worker = workers[turn % workers.length];
  if (worker === undefined) return;
  try {
    process.kill(worker, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}
