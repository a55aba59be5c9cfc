import type { ConsumerFact, DocumentFact, Facts } from './facts';
import type { Findings } from './findings';

export interface DeliveryCounts {
  /** Answered with 2xx. */
  taken: number;
  /** Of them those that brought the version that the consumer had. */
  again: number;
}

/** Every document's last version has reached every consumer, and none was told an older version after a newer one. */
export function checkConsumers(
  { consumers, documents }: Facts,
  findings: Findings,
): Map<string, DeliveryCounts> {
  const known = new Map(documents.map((document) => [document.key, document]));
  return new Map(consumers.map((consumer) => [consumer.name, checkConsumer(consumer, known, findings)]));
}

function checkConsumer(
  { name, taken }: ConsumerFact,
  documents: ReadonlyMap<string, DocumentFact>,
  findings: Findings,
): DeliveryCounts {
  const held = new Map<string, number>();
  const counts: DeliveryCounts = { taken: taken.length, again: 0 };
  for (const { key, version } of taken) {
    const before = held.get(key) ?? 0;
    const last = documents.get(key)?.version ?? 0;
    if (version > last || version < 1)
      findings.add('unexplained-delivery', `${name} was told version ${version}, and there are ${last}.`, {
        key,
      });
    if (version < before)
      findings.add('backwards', `${name} was told version ${version} after version ${before}.`, { key });
    if (version === before) counts.again++;
    held.set(key, Math.max(before, version));
  }
  for (const { key, version } of documents.values()) {
    const told = held.get(key) ?? 0;
    if (told < version)
      findings.add(
        'not-delivered',
        `${name} was told ${told === 0 ? 'nothing' : `version ${told}`} of ${version}.`,
        {
          key,
        },
      );
  }
  return counts;
}
