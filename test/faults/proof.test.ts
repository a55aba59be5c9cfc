import { prove } from '../../tools/lib/prove/run';
import { proofText } from '../../tools/lib/prove/report';

/** Kills the store of documents. */
const SEED = 10;

/** A short one: `npm run prove` has any rate and length, and what it found last is in `bench/PROOF.md`. */
const OPTIONS = {
  rate: 150,
  duration: 12,
  warmUp: 0,
  connections: 20,
  ids: 500,
  seed: SEED,
  chaos: true,
} as const;

test('records that are accepted while parts of the cloud are killed have one verdict each, and reach every subscriber', async () => {
  const proof = await prove(OPTIONS, { tell: () => undefined, second: () => undefined });
  // With the names of what is missing, if anything is.
  expect({ findings: proof.checked.findings.first, text: proofText(proof) }).toMatchObject({ findings: [] });
  expect(proof.load.accepted).toBe(OPTIONS.rate * OPTIONS.duration);
  expect(proof.kills.length).toBeGreaterThan(0);
  expect(proof.versions).toBeGreaterThan(proof.documents);
}, 180_000);
