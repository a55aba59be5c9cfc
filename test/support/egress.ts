import type { StoredDocument } from '../../src/domain/egress/document';
import type { Subscription } from '../../src/domain/egress/subscription';
import { bucketOf, partitionKey } from '../../src/domain/keys';

/** An active subscription to all products, as it is stored. */
export const aSubscription = (id: string, changes: Partial<Subscription> = {}): Subscription => ({
  id,
  url: 'https://receiver.example/',
  datasets: ['products'],
  maxInFlight: 16,
  status: 'active',
  createdAt: '',
  updatedAt: '',
  terms: [{ from: 0, datasets: ['products'] }],
  revision: 0,
  reconciled: 0,
  secrets: [],
  tokenHash: '',
  health: {},
  ...changes,
});

/** A product as it is stored, changed after the first term of {@link aSubscription} began. */
export function aDocument(
  key: string,
  version: number,
  data: Record<string, unknown>,
  deleted = false,
): StoredDocument {
  return {
    id: key,
    pk: partitionKey('products', bucketOf(key)),
    data: data as StoredDocument['data'],
    _ts: 10,
    _hw: {
      key,
      version,
      maker: { batchId: 'b', index: 0, schemaVersion: '1+00000000' },
      newest: { eventTime: 0, receivedAt: 0, batchId: 'b', index: 0 },
      hash: '',
      deleted,
    },
  };
}
