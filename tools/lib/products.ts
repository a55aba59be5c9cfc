import { BRANDS, COUNTRIES, KINDS, SUPPLIERS, sentencesOf, type Kind } from './product-words';
import { mixSeed, random, type Random } from './random';

/** A product as `schemas/products.json` describes it. */
export interface Product {
  productId: string;
  productGroupId: string;
  name: string;
  description: string;
  brand: string;
  status: 'planned' | 'active' | 'paused' | 'discontinued';
  gtin: string;
  categories: string[];
  price: {
    amount: number;
    currency: 'SEK' | 'EUR' | 'NOK' | 'DKK';
    vatPercent: number;
    unitPrice: { amount: number; per: 'kg' | 'l' | 'piece' | 'm' };
  };
  dimensions: { lengthMm: number; widthMm: number; heightMm: number; weightG: number };
  storage: { minCelsius: number; maxCelsius: number; shelfLifeDays?: number };
  packaging: {
    material: 'paper' | 'plastic' | 'glass' | 'metal' | 'wood' | 'none';
    unitsPerCase: number;
    depositAmount?: number;
  };
  allergens: string[];
  originCountry: string;
  suppliers: { supplierId: string; name: string; leadTimeDays: number }[];
  availableFrom: string;
  updatedAt: string;
}

/** The record that deletes a product. */
export interface Deletion {
  productId: string;
  updatedAt: string;
  deleted: true;
}

export interface ProductOptions {
  readonly seed: number;
  readonly count: number;
  /** How many different products there are; after so many records the ids come again, with the next revision. */
  readonly ids?: number;
  /** How many product groups they belong to. */
  readonly groups?: number;
  /** The first id's number, to give several producers ranges of their own. */
  readonly firstId?: number;
  /** Event time of the first record, ISO 8601. */
  readonly from?: string;
  /** Milliseconds of event time from one record to the next. */
  readonly intervalMs?: number;
}

export const DEFAULT_IDS = 100_000;
export const DEFAULT_GROUPS = 2_000;
export const DEFAULT_FROM = '2026-01-05T06:00:00.000Z';
export const DEFAULT_INTERVAL_MS = 1_000;

/**
 * Products, the same for the same options: valid by the schema, about 1.2 KB of JSON each, the first `ids` of
 * them with distinct keys, event times rising by `intervalMs`. Lazy, so that a million of them need no memory.
 */
export function* products(options: ProductOptions): Generator<Product> {
  const { seed, count, ids = DEFAULT_IDS, groups = DEFAULT_GROUPS, firstId = 0 } = options;
  const from = Date.parse(options.from ?? DEFAULT_FROM);
  const intervalMs = options.intervalMs ?? DEFAULT_INTERVAL_MS;
  for (let index = 0; index < count; index++) {
    const number = (firstId + index) % ids;
    yield product({
      seed,
      number,
      groups,
      revision: Math.floor((firstId + index) / ids),
      updatedAt: new Date(from + index * intervalMs).toISOString(),
    });
  }
}

export interface OneProduct {
  readonly seed: number;
  /** The product's number; decides its id and, with the seed, what it is. */
  readonly number: number;
  readonly updatedAt: string;
  readonly groups?: number;
  /** What may change in the life of a product (price, status, text) depends on this, too. */
  readonly revision?: number;
}

/** One product: what it is depends on seed and number only, its price, status and text on the revision, too. */
export function product(one: OneProduct): Product {
  const { seed, number, updatedAt, groups = DEFAULT_GROUPS, revision = 0 } = one;
  const lasting = random(mixSeed(seed, number));
  const kind = lasting.pick(KINDS);
  const brand = lasting.pick(BRANDS);
  const supplier = lasting.pick(SUPPLIERS);
  const grams = lasting.pick(kind.grams);
  const variant = lasting.pick(kind.variants);
  const changing = random(mixSeed(seed, number, revision + 1));
  return {
    productId: productId(number),
    productGroupId: `group-${String(number % groups).padStart(4, '0')}`,
    name: `${variant} ${kind.noun}, ${grams} ${kind.per === 'l' ? 'ml' : 'g'}`,
    description: description(changing, kind, brand, supplier),
    brand,
    status: changing.pick(['active', 'active', 'active', 'active', 'planned', 'paused', 'discontinued']),
    gtin: gtin13(number),
    categories: [...kind.categories],
    price: price(changing, kind, grams),
    dimensions: dimensions(lasting, grams),
    storage: { ...kind.storage },
    packaging: packaging(lasting, kind),
    allergens: [...kind.allergens],
    originCountry: lasting.pick(COUNTRIES),
    suppliers: suppliers(lasting, supplier),
    availableFrom: new Date(Date.UTC(2025, lasting.integer(0, 11), lasting.integer(1, 28)))
      .toISOString()
      .slice(0, 10),
    updatedAt,
  };
}

/** `{ deleted: true }` for the product of this number. */
export function deletion(number: number, updatedAt: string): Deletion {
  return { productId: productId(number), updatedAt, deleted: true };
}

/** The key of the product of this number. */
export function productId(number: number): string {
  return `product-${String(number).padStart(6, '0')}`;
}

/** One record a line, each line ended by `\n`. */
export function* ndjson(records: Iterable<unknown>): Generator<string> {
  for (const record of records) yield `${JSON.stringify(record)}\n`;
}

/** GTIN-13 with its check digit (https://www.gs1.org/services/how-calculate-check-digit-manually). */
function gtin13(number: number): string {
  // 02 opens the range that GS1 leaves to a shop's own use, so that no real article is hit.
  const digits = `02${String(number).padStart(10, '0')}`;
  let sum = 0;
  for (let at = 0; at < digits.length; at++) sum += Number(digits[at]) * (at % 2 === 0 ? 1 : 3);
  return `${digits}${(10 - (sum % 10)) % 10}`;
}

function description(source: Random, kind: Kind, brand: string, supplier: string): string {
  const known = sentencesOf(kind);
  const start = source.integer(0, known.length - 1);
  const step = source.pick([1, 3, 5]);
  const chosen: string[] = [];
  for (let at = 0; at < 5; at++) chosen.push(known[(start + at * step) % known.length] as string);
  return chosen
    .join(' ')
    .replaceAll('{brand}', brand)
    .replaceAll('{noun}', kind.noun)
    .replaceAll('{supplier}', supplier);
}

function price(source: Random, kind: Kind, grams: number): Product['price'] {
  const amount = source.integer(9, 249) + source.pick([0, 0.5, 0.9]);
  const perUnit = kind.per === 'piece' ? amount : (amount * 1000) / grams;
  return {
    amount,
    currency: 'SEK',
    vatPercent: kind.vatPercent,
    unitPrice: { amount: Math.round(perUnit * 100) / 100, per: kind.per },
  };
}

function dimensions(source: Random, grams: number): Product['dimensions'] {
  return {
    lengthMm: source.integer(60, 320),
    widthMm: source.integer(40, 240),
    heightMm: source.integer(30, 310),
    weightG: grams + source.integer(5, 60),
  };
}

function packaging(source: Random, kind: Kind): Product['packaging'] {
  const unitsPerCase = source.pick([4, 6, 8, 10, 12, 20, 24]);
  // Cans carry the Swedish deposit.
  return kind.material === 'metal'
    ? { material: kind.material, unitsPerCase, depositAmount: 2 }
    : { material: kind.material, unitsPerCase };
}

function suppliers(source: Random, first: string): Product['suppliers'] {
  const second = SUPPLIERS[(SUPPLIERS.findIndex((name) => name === first) + 1) % SUPPLIERS.length] as string;
  return [first, second].map((name) => ({
    supplierId: `supplier-${source.integer(100, 999)}`,
    name,
    leadTimeDays: source.integer(1, 21),
  }));
}
