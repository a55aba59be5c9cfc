import type { InvocationContext } from '@azure/functions';
import type { StoredBatch } from '../../src/clients/batches';
import type { Blobs, Metadata } from '../../src/clients/blobs';
import { inboxName } from '../../src/domain/ingest/names';
import { bodyName, CLAIM_OF_BODY, headerOfPart, type Claim } from '../../src/domain/ingress/claim';
import type { Batch } from '../../src/domain/ingest/batch';
import type { TriggerDeps } from '../../src/triggers/ingest/deps';
import type { Reception } from '../../src/triggers/ingest/reception';
import { reserve } from '../../src/triggers/ingest/reservation';
import { createSweepInbox } from '../../src/triggers/ingest/sweep';
import { fc } from '../support/properties';

/**
 * A body must be there as long as a batch that is not closed names it, whatever the sweep of the inbox does at the
 * same time, and whatever a request that was cut off has left behind.
 */

const HOUR = 3_600_000;

const NO_CLAIMS = { byId: () => Promise.resolve(undefined) };

const reception = (content: string): Reception => ({
  dataset: 'readings',
  schemaVersion: '1+a',
  format: 'json',
  onInvalid: 'quarantine',
  contentHash: content,
  bodySha256: content,
  bytes: 1,
  accepted: 1,
  body: Buffer.from(content),
});

/** Stores whose every request takes a turn, and whose answers may get lost. */
class Stores {
  readonly inbox = new Map<string, number>();
  readonly metadata = new Map<string, Metadata>();
  readonly batches = new Map<string, Batch>();
  now = Date.parse('2026-03-01T12:00:00Z');

  constructor(
    private readonly turn: () => Promise<unknown>,
    /** Whether a blob that is there is left as it is: the mistake that the test must find. */
    private readonly leavesOld: boolean,
  ) {}

  private async request<T>(effect: () => T): Promise<T> {
    await this.turn();
    const result = effect();
    await this.turn();
    return result;
  }

  deps(): TriggerDeps {
    const blobs: Partial<Blobs> = {
      put: (_container, name) =>
        this.request(() => {
          if (!this.leavesOld || !this.inbox.has(name)) this.inbox.set(name, this.now);
        }),
      list: (_container, prefix) => this.list(prefix),
      remove: (_container, name, unmodifiedSince) =>
        this.request(() => {
          if ((this.inbox.get(name) ?? 0) <= (unmodifiedSince?.getTime() ?? Infinity))
            this.inbox.delete(name);
        }),
    };
    const found = (batch: Batch): StoredBatch => ({ batch, etag: '"1"' });
    const batches = {
      read: (id: string) =>
        this.request(() => {
          const batch = this.batches.get(id);
          return batch && found(batch);
        }),
      reserve: (batch: Batch) =>
        this.request(() => {
          const existing = this.batches.get(batch.id);
          if (existing) return { created: false as const, existing: found(existing) };
          this.batches.set(batch.id, batch);
          return { created: true as const, etag: '"1"' };
        }),
    };
    const config = { idempotencyLifetimeMs: 24 * HOUR };
    return { blobs, batches, config, now: () => new Date(this.now) } as unknown as TriggerDeps;
  }

  private async *list(prefix: string) {
    const names = await this.request(() => [...this.inbox].filter(([name]) => name.startsWith(prefix)));
    for (const [name, modified] of names)
      yield { name, bytes: 1, modifiedOn: new Date(modified), metadata: this.metadata.get(name) ?? {} };
  }
}

const property = (leavesOld: boolean) =>
  fc.asyncProperty(
    fc.scheduler(),
    fc.array(fc.constantFrom('X', 'Y'), { minLength: 1, maxLength: 3 }),
    fc.nat(2),
    async (scheduler, requests, sweeps) => {
      const turn = (): Promise<unknown> => scheduler.schedule(Promise.resolve());
      const stores = new Stores(turn, leavesOld);
      const deps = stores.deps();
      // A request with the same key and content was cut off long ago, before its reservation.
      const probe = new Stores(() => Promise.resolve(), false);
      await reserve(probe.deps(), reception('X'), 'key');
      for (const name of probe.inbox.keys()) stores.inbox.set(name, stores.now - 2 * HOUR);
      const sweep = createSweepInbox(deps, NO_CLAIMS);
      const outcomes = requests.map((content) =>
        reserve(deps, reception(content), 'key').then(
          ({ batch }) => ({ content, batch }),
          (error: { code?: string }) => ({ content, refused: error.code }),
        ),
      );
      const swept = Array.from({ length: sweeps }, () => sweep(undefined, {} as InvocationContext));
      await scheduler.waitFor(Promise.all([...outcomes, ...swept]));

      const [batch, ...more] = stores.batches.values();
      expect(more).toEqual([]);
      expect([...stores.inbox.keys()]).toContain(inboxName(batch!.id, batch!.contentHash));
      for (const outcome of await Promise.all(outcomes)) {
        if ('batch' in outcome) expect(outcome.batch.contentHash).toBe(outcome.content);
        else expect(outcome).toEqual({ content: outcome.content, refused: 'idempotency-key-reused' });
        expect('batch' in outcome).toBe(outcome.content === batch!.contentHash);
      }
    },
  );

test('a batch that was accepted has its body, though an old one of the same name is swept at that moment', async () => {
  await fc.assert(property(false), { numRuns: 300 });
});

test('the property finds a request that relies on a body which was there before', async () => {
  const found = await fc.check(property(true), { numRuns: 2_000, endOnFailure: true });
  expect(found.failed).toBe(true);
});

test('what no open batch names goes after an hour; the rest stays', async () => {
  const stores = new Stores(() => Promise.resolve(), false);
  const deps = stores.deps();
  const { batch } = await reserve(deps, reception('X'), undefined);
  const { batch: closed } = await reserve(deps, reception('Y'), undefined);
  stores.batches.set(closed.id, { ...closed, status: 'completed' });
  stores.inbox.set(inboxName(batch.id, 'other content'), stores.now);
  stores.inbox.set(inboxName('f'.repeat(32), 'X'), stores.now);
  const named = inboxName(batch.id, batch.contentHash);
  const sweep = createSweepInbox(deps, NO_CLAIMS);
  await sweep(undefined, {} as InvocationContext);
  expect(stores.inbox.size).toBe(4);
  stores.now += HOUR + 1;
  await sweep(undefined, {} as InvocationContext);
  expect([...stores.inbox.keys()]).toEqual([named]);
});

test('the body of a claim stays until the claim names another one, or its batch is closed', async () => {
  const stores = new Stores(() => Promise.resolve(), false);
  const claims = new Map<string, Claim>();
  const byId = (id: string): Promise<Claim | undefined> => Promise.resolve(claims.get(id));
  const sweep = createSweepInbox(stores.deps(), { byId });
  const part = { dataset: 'readings', schemaVersion: '1+a', records: 1, bytes: 1, from: 1, to: 1 };
  const claim: Claim = {
    epoch: 'e',
    partition: '0',
    first: 0,
    last: 1,
    claimedAt: '2026-03-01T12:00:00.000Z',
    foreign: 0,
    parts: [{ ...part, batchId: 'a'.repeat(32), bodySha256: 'X' }],
  };
  const [own] = claim.parts as [Claim['parts'][0]];
  const [winner, loser] = [bodyName(claim, own), bodyName(claim, { ...own, bodySha256: 'Y' })];
  const other = bodyName(claim, { ...own, batchId: 'b'.repeat(32) });
  for (const name of [winner, loser, other]) {
    stores.inbox.set(name, stores.now - 2 * HOUR);
    stores.metadata.set(name, { [CLAIM_OF_BODY]: 'the claim' });
  }
  const left = async (): Promise<string[]> => {
    await sweep(undefined, {} as InvocationContext);
    return [...stores.inbox.keys()];
  };
  expect(await left()).toEqual([winner, loser, other]);
  claims.set('the claim', claim);
  expect(await left()).toEqual([winner]);
  const batch = headerOfPart(claim, own);
  stores.batches.set(own.batchId, { ...batch, status: 'running' });
  expect(await left()).toEqual([winner]);
  stores.batches.set(own.batchId, { ...batch, status: 'completed' });
  expect(await left()).toEqual([]);
});

test('a key stands for its batch as long as it is remembered, and for another one afterwards', async () => {
  const stores = new Stores(() => Promise.resolve(), false);
  const deps = stores.deps();
  const first = await reserve(deps, reception('X'), 'key');
  expect(first.replayed).toBe(false);
  stores.now += 24 * HOUR - 1;
  expect(await reserve(deps, reception('X'), 'key')).toEqual({ batch: first.batch, replayed: true });
  await expect(reserve(deps, reception('Y'), 'key')).rejects.toMatchObject({
    code: 'idempotency-key-reused',
  });
  const elsewhere = await reserve(deps, { ...reception('Y'), dataset: 'others' }, 'key');
  expect(elsewhere.batch.id).not.toBe(first.batch.id);
  stores.now += 1;
  const second = await reserve(deps, reception('Y'), 'key');
  expect(second.replayed).toBe(false);
  expect(second.batch.id).not.toBe(first.batch.id);
  expect((await reserve(deps, reception('Y'), 'key')).batch).toEqual(second.batch);
  expect((await reserve(deps, reception('Y'), undefined)).batch.id).toMatch(/^[0-9a-f]{32}$/);
});
