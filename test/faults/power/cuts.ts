import type { Survival } from './disk';
import type { Step } from './replay';
import type { Random } from '../../../tools/lib/random';

/** At which steps the power is cut, in order: any, those right after an acknowledgement, and starts and ends, each a third. */
export function chooseCuts(steps: readonly Step[], count: number, random: Random): number[] {
  const anywhere = steps.map((_, index) => index + 1);
  // There a missing sync is seen best.
  const acknowledged = anywhere.filter((cut) => isDone(steps[cut - 1]));
  const kinds = [anywhere, acknowledged, turns(steps)].filter((cuts) => cuts.length > 0);
  return Array.from({ length: count }, () => random.pick(random.pick(kinds))).sort((a, b) => a - b);
}

/** A step at which a sync is under way, after at least half of the acknowledgements: there something is not durable yet. */
export function chooseCutInSync(steps: readonly Step[], random: Random): number {
  const done = steps.flatMap((step, index) => (isDone(step) ? [index] : []));
  const half = done[Math.floor(done.length / 2)] ?? 0;
  const inSync = steps.flatMap((step, index) =>
    index > half && step.kind === 'beginSync' ? [index + 1] : [],
  );
  return random.pick(inSync);
}

function isDone(step: Step | undefined): boolean {
  return step?.kind === 'note' && 'done' in step.note;
}

/** The steps in which the service starts or ends: few, but nothing else makes, recovers and closes files. */
function turns(steps: readonly Step[]): number[] {
  const cuts: number[] = [];
  let isTurn = false;
  for (const [index, step] of steps.entries()) {
    if (step.kind === 'note' && 'turn' in step.note) isTurn = true;
    else if (isDone(step)) isTurn = false;
    if (isTurn) cuts.push(index + 1);
  }
  return cuts;
}

/** How much of what was not synced is on the disk; the extremes are as likely as what lies between. */
const KINDS = ['nothing', 'everything', 'names', 'contents', 'some', 'some', 'torn', 'torn'] as const;

/** One way in which a power cut may go. */
export function chooseSurvival(random: Random): Survival & { readonly kind: string } {
  return survivalOf(random.pick(KINDS), random);
}

/** A cut that leaves writes in pieces. */
export function tornSurvival(random: Random): Survival {
  return survivalOf('torn', random);
}

function survivalOf(kind: (typeof KINDS)[number], random: Random): Survival & { readonly kind: string } {
  const share = random.next();
  const keeps = (): boolean => {
    if (kind === 'nothing') return false;
    return kind === 'everything' || random.next() < share;
  };
  const sectorsOf = (count: number): boolean[] => {
    if (kind === 'torn') return Array.from({ length: count }, keeps);
    const isKept = kind === 'contents' || (kind !== 'names' && keeps());
    return Array.from({ length: count }, () => isKept);
  };
  return {
    kind,
    keepsName: () => kind === 'names' || (kind !== 'contents' && keeps()),
    keepsSize: () => kind === 'contents' || (kind !== 'names' && keeps()),
    keepsSectors: (count) => ({ sectors: sectorsOf(count), grows: keeps() }),
  };
}
