import { isDeepStrictEqual } from 'node:util';
import type { Held } from './holdings';
import type { StoredDocument } from './recount';

const nameOf = (dataset: string, key: string): string => `${dataset}/${key}`;

/**
 * What a consumer that asked for everything holds otherwise than the store, in words; empty when they agree. Of a
 * deleted document the consumer has either heard that it is gone, or nothing.
 * @param contentOf what of a document is content: a later record that differs in its event time only moves that, and
 * nobody is told
 */
export function disagreements(
  stored: readonly StoredDocument[],
  held: readonly Held[],
  contentOf: (data: unknown, dataset: string) => unknown = (data) => data,
): string[] {
  const left = new Map(held.map((one) => [nameOf(one.dataset, one.subject), one]));
  const faults: string[] = [];
  for (const { pk, data, _hw } of stored) {
    const dataset = pk.slice(0, pk.lastIndexOf(':'));
    const name = nameOf(dataset, _hw.key);
    const found = left.get(name);
    left.delete(name);
    if (_hw.deleted) {
      // A later deletion of what it knows to be gone is no news.
      if (found?.kind === 'upserted')
        faults.push(`${name} is deleted, and was told as ${found.kind} in version ${found.version}`);
    } else if (found?.kind !== 'upserted' || found.version !== _hw.version) {
      const told = found ? `${found.kind} in version ${found.version}` : 'never';
      faults.push(`${name} is there in version ${_hw.version}, and was told ${told}`);
    } else if (!isDeepStrictEqual(contentOf(found.data, dataset), contentOf(data, dataset))) {
      faults.push(`${name} has another content than was told`);
    }
  }
  for (const name of left.keys()) faults.push(`${name} is not there, and was told`);
  return faults;
}
