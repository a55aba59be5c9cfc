import { setTimeout as delay } from 'node:timers/promises';
import type { Deliveries } from '../../src/clients/deliveries';
import {
  rowName,
  type Change,
  type KnownRow,
  type RowKey,
  type StoredRow,
} from '../../src/clients/storedRow';
import type { DocumentKey, DocumentPage } from '../../src/clients/documents';
import type { StoredSubscription, Subscriptions } from '../../src/clients/subscriptions';
import type { StoredDocument } from '../../src/domain/egress/document';
import type { AttemptRecord, DeliveryRow } from '../../src/domain/egress/row';
import { isSelected } from '../../src/domain/egress/status';
import type { Subscription } from '../../src/domain/egress/subscription';
import type { Stored } from '../../src/domain/ingest/decide';

/** How long one request to a store takes, and whether it fails. */
export interface Weather {
  /** @throws to fail the request */
  request(): Promise<void>;
}

export const calm: Weather = { request: () => delay(0) };

/** Rows in memory, under ETags as in the store. */
export class DeliveriesModel implements Deliveries {
  readonly rows = new Map<string, StoredRow>();
  readonly attempts: AttemptRecord[] = [];
  private etags = 0;

  constructor(private readonly weather: Weather = calm) {}

  all(): DeliveryRow[] {
    return [...this.rows.values()].map(({ row }) => row);
  }

  async read(keys: readonly RowKey[]): Promise<Map<string, StoredRow>> {
    await this.weather.request();
    const found = new Map<string, StoredRow>();
    for (const key of keys) {
      const stored = this.rows.get(rowName(key));
      if (stored) found.set(rowName(key), stored);
    }
    return found;
  }

  async due(pk: string, most: number): Promise<StoredRow[]> {
    await this.weather.request();
    return [...this.rows.values()]
      .filter(({ row }) => row.pk === pk && row.due !== undefined)
      .toSorted((a, b) => (a.row.due ?? 0) - (b.row.due ?? 0))
      .slice(0, most);
  }

  async outdated(pk: string, revision: number, most: number): Promise<StoredRow[]> {
    await this.weather.request();
    return [...this.rows.values()]
      .filter(({ row }) => row.pk === pk && row.revision < revision)
      .slice(0, most);
  }

  async list(
    ...[pk, selection, now, after = '', most]: Parameters<Deliveries['list']>
  ): Promise<StoredRow[]> {
    await this.weather.request();
    return [...this.rows.values()]
      .filter(({ row }) => row.pk === pk && row.id > after && isSelected(row, selection, now))
      .toSorted((a, b) => (a.row.id < b.row.id ? -1 : 1))
      .slice(0, most);
  }

  async attemptsOf(pk: string, row: string, most: number): Promise<AttemptRecord[]> {
    await this.weather.request();
    return this.attempts
      .filter((one) => one.pk === pk && one.row === row)
      .toReversed()
      .slice(0, most);
  }

  async change<K extends KnownRow>(
    known: readonly K[],
    change: (row: DeliveryRow | undefined, known: K) => Change,
    stored: (row: StoredRow, known: K) => void = () => undefined,
  ): Promise<StoredRow[]> {
    const all: StoredRow[] = [];
    let left = known;
    while (left.length > 0) {
      const planned = left.map((one) => ({ one, next: change(one.stored?.row, one) }));
      await this.weather.request();
      const conflicts: K[] = [];
      for (const { one, next } of planned) {
        if (!next) continue;
        if (this.rows.get(rowName(one))?.etag !== one.stored?.etag) {
          conflicts.push(one);
          continue;
        }
        // As a store does it: what is kept is a copy.
        const row = { row: structuredClone(next.row), etag: `"${this.etags++}"` };
        this.rows.set(rowName(one), row);
        if (next.attempt) this.attempts.push(next.attempt);
        all.push(row);
        stored(row, one);
      }
      left = conflicts.map((one) => ({ ...one, stored: this.rows.get(rowName(one)) }));
    }
    // The answer may get lost though it was done.
    await this.weather.request();
    return all;
  }

  async partitionsDue(since: number, now: number): Promise<string[]> {
    await this.weather.request();
    const due = this.all().filter((row) => (row.due ?? 0) > since && (row.due ?? Infinity) <= now);
    return [...new Set(due.map(({ pk }) => pk))];
  }

  async subscriptionsDue(now: number): Promise<string[]> {
    await this.weather.request();
    return [
      ...new Set(this.all().flatMap((row) => ((row.due ?? Infinity) <= now ? [row.subscription] : []))),
    ];
  }

  removeAll(): Promise<boolean> {
    return Promise.resolve(true);
  }
}

/** Subscriptions in memory. */
export class SubscriptionsModel implements Subscriptions {
  private readonly items = new Map<string, StoredSubscription>();
  private etags = 0;

  create(subscription: Subscription): Promise<StoredSubscription> {
    return Promise.resolve(this.put(subscription));
  }

  put(subscription: Subscription): StoredSubscription {
    const stored = { subscription, etag: `"${this.etags++}"`, ts: 0 };
    this.items.set(subscription.id, stored);
    return stored;
  }

  read(id: string): Promise<StoredSubscription | undefined> {
    return Promise.resolve(this.items.get(id));
  }

  update(id: string, etag: string, changes: Partial<Subscription>): ReturnType<Subscriptions['update']> {
    const found = this.items.get(id);
    if (found?.etag !== etag) return Promise.resolve({ type: 'conflict' });
    const stored = this.put({ ...found.subscription, ...changes });
    return Promise.resolve({ type: 'updated', stored });
  }

  all(): Promise<StoredSubscription[]> {
    return Promise.resolve([...this.items.values()]);
  }

  count(): Promise<number> {
    return Promise.resolve(this.items.size);
  }

  remove(id: string): Promise<boolean> {
    return Promise.resolve(this.items.delete(id));
  }
}

/** Documents in memory, as they are now. */
export class CurrentDocuments {
  readonly items = new Map<string, StoredDocument>();

  constructor(private readonly weather: Weather = calm) {}

  put(document: StoredDocument): void {
    this.items.set(document.id, document);
  }

  async readAcross(
    keys: readonly DocumentKey[],
  ): Promise<{ stored: Map<string, Map<string, Stored>>; requestCharge: number }> {
    await this.weather.request();
    const stored = new Map<string, Map<string, Stored>>();
    for (const { pk, id } of keys) {
      const document = this.items.get(id);
      if (document?.pk !== pk) continue;
      const partition = stored.get(pk) ?? new Map<string, Stored>();
      stored.set(pk, partition.set(id, { envelope: document, etag: '', ts: document._ts }));
    }
    return { stored, requestCharge: 0 };
  }

  async page(pk: string, most: number, continuation = ''): Promise<DocumentPage> {
    await this.weather.request();
    const left = [...this.items.values()]
      .filter((one) => one.pk === pk && one.id > continuation)
      .toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const documents = left.slice(0, most);
    return { documents, continuation: left.length > most ? documents.at(-1)?.id : undefined };
  }
}
