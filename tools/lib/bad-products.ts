import type { Product } from './products';

/** What must be said about a record that was spoilt on purpose. */
export interface ExpectedError {
  /**
   * The JSON Schema keyword that is broken; {@link EVENT_TIME_KEYWORD} for an event time that the schema
   * accepts but the data set's settings do not.
   */
  readonly keyword: string;
  /** JSON Pointer to the value that breaks it, as ajv's `instancePath` names it: a missing property's is its parent's. */
  readonly pointer: string;
}

export interface Fault {
  readonly name: string;
  readonly expected: ExpectedError;
  /** Spoils a copy that nobody else holds. */
  readonly spoil: (record: Record<string, unknown>, product: Product) => void;
}

/** The member of `x-headwater` that an event time after `receivedAt` plus the allowed skew breaks. */
export const EVENT_TIME_KEYWORD = 'eventTime';

/** Later than any clock that will ever receive it. */
export const FAR_FUTURE = '2999-01-01T00:00:00.000Z';

const fault = (name: string, keyword: string, pointer: string, spoil: Fault['spoil']): Fault => ({
  name,
  expected: { keyword, pointer },
  spoil,
});

/** Each breaks exactly one rule, so that exactly one error is right. */
export const FAULTS: readonly Fault[] = [
  fault('key-missing', 'required', '', (record) => delete record['productId']),
  fault('key-not-text', 'type', '/productId', (record) => (record['productId'] = 42)),
  fault('key-too-long', 'maxLength', '/productId', (record) => (record['productId'] = 'p'.repeat(65))),
  fault('key-with-slash', 'pattern', '/productId', (record) => (record['productId'] = 'product/1?#ä')),
  fault('event-time-missing', 'required', '', (record) => delete record['updatedAt']),
  fault('event-time-no-such-day', 'format', '/updatedAt', (record) => {
    record['updatedAt'] = '2026-02-30T10:00:00Z';
  }),
  fault('event-time-number', 'type', '/updatedAt', (record) => (record['updatedAt'] = 1_767_600_000)),
  fault('event-time-far-future', EVENT_TIME_KEYWORD, '/updatedAt', (record) => {
    record['updatedAt'] = FAR_FUTURE;
  }),
  fault('price-missing', 'required', '', (record) => delete record['price']),
  fault('price-negative', 'minimum', '/price/amount', (record, { price }) => {
    record['price'] = { ...price, amount: -1 };
  }),
  fault('price-as-text', 'type', '/price/amount', (record, { price }) => {
    record['price'] = { ...price, amount: '12,50' };
  }),
  fault('currency-missing', 'required', '/price', (record, { price }) => {
    record['price'] = { amount: price.amount, vatPercent: price.vatPercent };
  }),
  fault('currency-unknown', 'enum', '/price/currency', (record, { price }) => {
    record['price'] = { ...price, currency: 'kronor' };
  }),
  fault('unknown-property', 'additionalProperties', '', (record) => (record['colour'] = 'blå')),
  fault('unknown-dimension', 'additionalProperties', '/dimensions', (record, { dimensions }) => {
    record['dimensions'] = { ...dimensions, diameterMm: 80 };
  }),
  fault('weight-fractional', 'type', '/dimensions/weightG', (record, { dimensions }) => {
    record['dimensions'] = { ...dimensions, weightG: 12.5 };
  }),
  fault('status-unknown', 'enum', '/status', (record) => (record['status'] = 'utgått')),
  fault('name-empty', 'minLength', '/name', (record) => (record['name'] = '')),
  fault('name-too-long', 'maxLength', '/name', (record) => (record['name'] = 'ö'.repeat(121))),
  fault('categories-twice', 'uniqueItems', '/categories', (record, { categories }) => {
    record['categories'] = [categories[0], categories[0]];
  }),
  fault('lead-time-negative', 'minimum', '/suppliers/1/leadTimeDays', (record, { suppliers }) => {
    record['suppliers'] = suppliers.map((supplier, at) =>
      at === 1 ? { ...supplier, leadTimeDays: -3 } : supplier,
    );
  }),
  fault('deleted-as-text', 'type', '/deleted', (record) => (record['deleted'] = 'yes')),
];

export interface BadProduct {
  readonly fault: string;
  readonly expected: ExpectedError;
  readonly record: Record<string, unknown>;
}

/** The product with one thing wrong: fault number `which`, counted round {@link FAULTS}. */
export function spoil(product: Product, which: number): BadProduct {
  const chosen = FAULTS[which % FAULTS.length] as Fault;
  const record: Record<string, unknown> = structuredClone({ ...product });
  chosen.spoil(record, product);
  return { fault: chosen.name, expected: chosen.expected, record };
}
