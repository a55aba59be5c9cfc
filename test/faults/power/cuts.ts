import type { Survival } from './disk';
import type { Step } from './replay';
import type { Random } from '../../../tools/lib/random';

/** Of the cuts, so many come right after an acknowledgement: there a missing sync is seen best. */
const AFTER_ACKNOWLEDGEMENT = 0.5;

/** At which steps the power is cut, in order: half of them anywhere, half right after an acknowledgement. */
export function chooseCuts(steps: readonly Step[], count: number, random: Random): number[] {
  const acknowledged = steps.flatMap((step, index) =>
    step.kind === 'note' && 'done' in step.note ? [index + 1] : [],
  );
  const cuts = Array.from({ length: count }, () =>
    acknowledged.length > 0 && random.next() < AFTER_ACKNOWLEDGEMENT
      ? random.pick(acknowledged)
      : random.integer(1, steps.length),
  );
  return cuts.sort((a, b) => a - b);
}

/** How much of what was not synced is on the disk; the extremes are as likely as what lies between. */
const KINDS = ['nothing', 'everything', 'names', 'contents', 'some', 'some', 'torn', 'torn'] as const;

/** One way in which a power cut may go. */
export function chooseSurvival(random: Random): Survival & { readonly kind: string } {
  const kind = random.pick(KINDS);
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
