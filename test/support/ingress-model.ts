import { sha256 } from '../../src/domain/content';
import { claimId, epochOf, headerOfPart, type Chain, type Claim } from '../../src/domain/ingress/claim';
import { recordLine, type IngressEvent } from '../../src/domain/ingress/packet';
import { random, type Random } from '../../tools/lib/random';
import type { IngressProcess } from './ingress-process';
import { Stores } from './stores-model';

/** Numbers that look random, the same for each seed. */
export class Dice {
  private readonly random: Random;

  constructor(seed: number) {
    this.random = random(seed);
  }

  /** A whole number from 0 to `sides` − 1. */
  below(sides: number): number {
    return Math.floor(this.random.next() * sides);
  }

  chance(of: number): boolean {
    return this.random.next() < of;
  }

  of<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }
}

/** An event, with what the door put into it: nothing, when it was not the door. */
interface Sent {
  readonly event: IngressEvent;
  readonly name?: string;
  readonly ids: readonly string[];
}

/** A hub as long as it is the same one: what has expired is kept to be compared with. */
export class HubModel {
  readonly partitions = new Map<string, { begin: number; readonly sent: Sent[] }>();

  constructor(
    readonly createdOn: Date,
    names: readonly string[],
  ) {
    for (const name of names) this.partitions.set(name, { begin: 0, sent: [] });
  }

  get epoch(): string {
    return epochOf(this.createdOn);
  }

  partition(name: string): { begin: number; readonly sent: Sent[] } {
    const found = this.partitions.get(name);
    if (!found) throw new Error(`No partition ${name}.`);
    return found;
  }

  /** What has not expired, from a number on. */
  from(name: string, first: number, most: number): IngressEvent[] {
    const { begin, sent } = this.partition(name);
    return sent
      .slice(Math.max(begin, first))
      .map(({ event }) => event)
      .slice(0, most);
  }
}

const MINUTE = 60_000;

/** The hub and the stores, what was done to them, and what is wrong with it. */
export class IngressWorld {
  readonly stores = new Stores();
  readonly claims = new Map<string, Claim>();
  readonly heads = new Map<string, Chain & { next: number }>();
  /** Every hub there was; the last one is there. */
  readonly hubs: HubModel[] = [];
  readonly archive = new Map<string, Buffer>();
  readonly faults: string[] = [];
  private waiting: { process: IngressProcess; go: () => void; fail: (error: Error) => void }[] = [];
  private records = 0;
  killed = 0;
  /** How often a step goes wrong. */
  risk = { kill: 0, fail: 0, sleep: 0 };

  constructor(
    readonly dice: Dice,
    readonly partitions: readonly string[],
  ) {
    this.makeHub();
  }

  get hub(): HubModel {
    return this.hubs.at(-1) as HubModel;
  }

  makeHub(): void {
    this.passes(MINUTE);
    this.hubs.push(new HubModel(new Date(this.stores.now), this.partitions));
  }

  passes(ms: number): void {
    this.stores.now += ms;
  }

  /** What the door sends, or, now and then, somebody else. */
  send(partition: string): void {
    const { dice, hub } = this;
    this.passes(1 + dice.below(1000));
    const { sent } = hub.partition(partition);
    const [dataset, schemaVersion] = [
      dice.of(['readings', 'orders']) ?? '',
      dice.of(['1+0000000a', '2+0000000b']) ?? '',
    ];
    const ids = Array.from({ length: 1 + dice.below(3) }, () => `r${this.records++}`);
    const time = new Date(this.stores.now).toISOString();
    const body = Buffer.from(ids.map((id) => recordLine(id, time, `{"id":"${id}"}`)).join(''));
    const at = this.stores.now;
    const properties = { dataset, schemaVersion, records: ids.length, from: at, to: at };
    const event = { sequenceNumber: sent.length, enqueuedAt: at, body, properties };
    if (!dice.chance(0.15)) {
      sent.push({ event, name: `${dataset} ${schemaVersion}`, ids });
      return;
    }
    const foreign = dice.of<Partial<IngressEvent>>([
      { body: Buffer.from('Hello') },
      { body: body.subarray(0, -1) },
      { properties: {} },
      { properties: { ...properties, records: ids.length + 1 } },
      { properties: { ...properties, from: '0' } },
    ]);
    sent.push({ event: { ...event, ...foreign }, ids: [] });
  }

  /** The oldest events of a partition are no more. */
  expire(partition: string, upTo: number): void {
    const found = this.hub.partition(partition);
    found.begin = Math.max(found.begin, Math.min(upTo, found.sent.length));
  }

  /** A turn of a process: it goes on when the schedule has it go on. */
  turn(process: IngressProcess): Promise<void> {
    return new Promise((go, fail) => this.waiting.push({ process, go, fail }));
  }

  /** Lets processes take turns, in any order, until nobody waits any more but those asleep or gone. */
  async run(turns = Infinity): Promise<void> {
    for (let turn = 0; turn < turns; turn++) {
      await new Promise(setImmediate);
      this.waiting = this.waiting.filter(({ process }) => !process.isKilled);
      const one = this.dice.of(this.waiting.filter(({ process }) => !process.asleep));
      if (!one) return;
      if (this.dice.chance(this.risk.sleep)) {
        one.process.asleep = true;
        continue;
      }
      this.waiting.splice(this.waiting.indexOf(one), 1);
      if (this.dice.chance(this.risk.kill)) this.kill(one.process);
      else if (this.dice.chance(this.risk.fail)) one.fail(new Error('The connection broke.'));
      else one.go();
    }
  }

  kill(process: IngressProcess): void {
    process.isKilled = true;
    this.killed++;
  }

  /** A batch comes to its end, as its orchestration would bring it. */
  close(id: string): void {
    const found = this.stores.batches.get(id);
    if (!found || found.batch.status !== 'accepted') return;
    const { batch } = found;
    const body = this.stores.blobs.get(`inbox/${id}/${batch.contentHash}`)?.content;
    if (!body || sha256(body) !== batch.bodySha256) this.faults.push(`Batch ${id} has no body.`);
    this.archive.set(id, body ?? Buffer.alloc(0));
    const etag = this.stores.nextEtag();
    this.stores.batches.set(id, { batch: { ...batch, status: 'completed' }, etag });
  }

  /** The claim is as the hub's events are. */
  check(claim: Claim): void {
    const { epoch, partition, first, last, lost, parts } = claim;
    const hub = this.hubs.find((one) => one.epoch === epoch);
    if (!hub) return void this.faults.push(`There was no hub ${epoch}.`);
    const { begin, sent } = hub.partition(partition);
    const name = claimId(claim, first);
    if (last < first || last >= sent.length) this.faults.push(`${name} ends with ${last}.`);
    if (lost) {
      if (lost.first !== first || lost.last !== last || parts.length > 0)
        this.faults.push(`${name} is half lost.`);
      if (hub === this.hub && last >= begin) this.faults.push(`${name} is not lost.`);
      return;
    }
    const range = sent.slice(first, last + 1).filter((one) => one.name !== undefined);
    const expected = Array.from(
      Map.groupBy(range, (one) => one.name),
      ([which, own]) => `${which} ${sha256(Buffer.concat(own.map(({ event }) => event.body)))}`,
    );
    const claimed = parts.map((part) => `${part.dataset} ${part.schemaVersion} ${part.bodySha256}`);
    if (claimed.toSorted().join() !== expected.toSorted().join())
      this.faults.push(`${name} holds other records than its events up to ${last}.`);
  }

  /** Up to here everything is claimed, and every batch is reserved. */
  checkHead(chain: Chain, next: number): void {
    let at = 0;
    while (at < next) {
      const claim = this.claims.get(claimId(chain, at));
      if (!claim) return void this.faults.push(`The head is at ${next}, but ${at} is not claimed.`);
      for (const part of claim.parts)
        if (!this.stores.batches.has(part.batchId))
          this.faults.push(`The head is at ${next}, but a batch of the claim of ${at} is not reserved.`);
      at = claim.last + 1;
    }
    if (at !== next) this.faults.push(`The head is at ${next}, which is no boundary.`);
  }

  /** What must hold when all is done. */
  checkEnd(): void {
    const found = new Map<string, number>();
    for (const id of this.stores.batches.keys()) this.close(id);
    for (const body of this.archive.values())
      for (const [, id = ''] of body.toString().matchAll(/"batchId":"([^"]*)"/g))
        found.set(id, (found.get(id) ?? 0) + 1);
    const claimed = new Set<string>();
    for (const hub of this.hubs)
      for (const [partition, { sent }] of hub.partitions) {
        let at = 0;
        for (let claim = this.claimAt(hub, partition, at); claim; claim = this.claimAt(hub, partition, at)) {
          claimed.add(claimId(claim, at));
          this.checkBatches(claim);
          for (const { ids } of sent.slice(at, claim.last + 1))
            for (const id of ids)
              if (found.get(id) !== (claim.lost ? undefined : 1))
                this.faults.push(`Record ${id} of event ${at} ff. is there ${found.get(id) ?? 0} times.`);
          at = claim.last + 1;
        }
        if (hub === this.hub && at !== sent.length)
          this.faults.push(`Events from ${at} on of partition ${partition} are not claimed.`);
      }
    for (const id of this.claims.keys())
      if (!claimed.has(id)) this.faults.push(`Claim ${id} stands outside its chain.`);
  }

  private claimAt(hub: HubModel, partition: string, first: number): Claim | undefined {
    return this.claims.get(claimId({ epoch: hub.epoch, partition }, first));
  }

  private checkBatches(claim: Claim): void {
    for (const part of claim.parts) {
      const batch = this.stores.batches.get(part.batchId)?.batch;
      const { status: _, ...header } = batch ?? { status: '' };
      if (JSON.stringify(header) !== JSON.stringify(headerOfPart(claim, part)))
        this.faults.push(`A batch of claim ${claimId(claim, claim.first)} is not reserved as it says.`);
    }
  }
}
