import { random, type Random } from '../../../tools/lib/random';
import { exchange, type Malformed } from './raw-http';

/** By name: each makes a request that has to be refused. */
export type Kinds = Readonly<Record<string, (r: Random) => Malformed>>;

export interface Attack {
  readonly port: number;
  readonly kinds: Kinds;
  readonly requests: number;
  readonly seed: number;
  /** Whether the answer to one of the kind is a refusal as the service writes it. */
  readonly isProper: (answer: string, kind: string) => boolean;
  /** Fails when the service no longer serves; called after every few requests. */
  readonly serves: () => Promise<void>;
}

/** So many are on their way at one time. */
const AT_ONCE = 20;

/** Sends requests of these kinds in turn, and tells what was answered otherwise than with a proper refusal. */
export async function attack({ port, kinds, requests, seed, isProper, serves }: Attack): Promise<string[]> {
  const r = random(seed);
  const makers = Object.entries(kinds);
  const findings: string[] = [];
  for (let sent = 0; sent < requests; sent += AT_ONCE) {
    const batch = Array.from({ length: AT_ONCE }, (_, at) => {
      const [kind, make] = makers[(sent + at) % makers.length]!;
      return { kind, malformed: make(r) };
    });
    const answers = await Promise.all(batch.map(({ malformed }) => exchange(port, malformed)));
    for (const [at, answer] of answers.entries()) {
      const { kind, malformed } = batch[at]!;
      // Whoever has gone away is not owed an answer.
      if ((answer === '' && malformed.cut) || isProper(answer, kind)) continue;
      findings.push(`${kind}: ${JSON.stringify(malformed.bytes.slice(0, 500))} → ${answer.slice(0, 300)}`);
    }
    await serves();
  }
  return findings;
}
