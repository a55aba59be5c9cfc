import type { GroupDocuments } from '../../src/activities/ingest/upsertGroup';
import type { GroupOutcome } from '../../src/clients/documents';
import type { Stored, Write } from '../../src/domain/ingest/decide';
import type { Marker } from '../../src/domain/ingest/envelope';

/** What a store refuses for good: `named` says which record it is, `nameless` only that something is too large. */
export type Refusal = 'named' | 'nameless';

export const refusalOf = (data: unknown): Refusal | undefined => (data as { refusal?: Refusal }).refusal;

/**
 * Documents and markers of one partition in memory, with the semantics of Cosmos DB's transactional batches: all or
 * nothing, a creation only if absent, a replacement only under the ETag that was read. Nothing in here waits.
 */
export class DocumentsModel {
  readonly documents = new Map<string, Stored>();
  readonly markers = new Map<string, Marker>();
  /** Every write that took effect, in order, by the group that made it. */
  readonly written: { readonly markerId: string; readonly write: Write }[] = [];
  private etags = 0;

  /** Another one that holds the same; what was written so far is not in its list. */
  fork(): DocumentsModel {
    const other = new DocumentsModel();
    other.etags = this.etags;
    for (const [id, document] of this.documents) other.documents.set(id, document);
    for (const [id, marker] of this.markers) other.markers.set(id, marker);
    return other;
  }

  /** https://learn.microsoft.com/azure/cosmos-db/nosql/transactional-batch */
  transact(marker: Marker, writes: readonly Write[]): GroupOutcome {
    if (this.markers.has(marker.id)) return { type: 'marked', requestCharge: 1 };
    const outcome = this.write(marker.id, writes);
    if (outcome.type === 'committed') this.markers.set(marker.id, marker);
    return outcome;
  }

  /** The documents' part of a transaction. */
  write(markerId: string, writes: readonly Write[]): GroupOutcome {
    for (const { envelope, index } of writes) {
      const refusal = refusalOf(envelope.data);
      if (refusal) {
        const named = refusal === 'named' ? index : undefined;
        return { type: 'refused', index: named, reason: 'No.', requestCharge: 1 };
      }
    }
    const conflict = writes.some((write) => {
      const etag = this.documents.get(write.envelope.id)?.etag;
      return write.type === 'create' ? etag !== undefined : etag !== write.etag;
    });
    return conflict ? { type: 'conflict', requestCharge: 1 } : this.force(markerId, writes);
  }

  /** Writes without a look at what is there. */
  force(markerId: string, writes: readonly Write[]): GroupOutcome {
    for (const write of writes) {
      this.documents.set(write.envelope.id, { envelope: write.envelope, etag: `"${this.etags++}"`, ts: 1 });
      this.written.push({ markerId, write });
    }
    return { type: 'committed', requestCharge: 1 };
  }
}

/** More attempts than any execution can need: a loop without end has to end as a failure. */
const MOST_COMMITS = 100;

/** What goes wrong for one execution. */
export interface Faults {
  /** It stops for ever at this step: a request that is sent or an answer that is received. */
  readonly stopsAt?: number | undefined;
  /** `lost`: its first commit takes effect and fails for it. `resent`: its first commit is sent twice, as an SDK does. */
  readonly answer?: 'lost' | 'resent' | undefined;
}

/** How a commit is carried out: the right way is {@link DocumentsModel.transact}. */
export type Commit = (
  model: DocumentsModel,
  marker: Marker,
  writes: readonly Write[],
  step: () => Promise<void>,
) => Promise<GroupOutcome>;

export const atomically: Commit = (model, marker, writes) => Promise.resolve(model.transact(marker, writes));

/** One execution's way to the model: every request and every answer is a step, which others may come before. */
export class ModelClient implements GroupDocuments {
  /** Resolves when the execution has stopped for ever. */
  readonly stopped: Promise<'stopped'>;
  private stop: (how: 'stopped') => void = () => undefined;
  private steps = 0;
  private commits = 0;

  constructor(
    private readonly model: DocumentsModel,
    private readonly turn: () => Promise<unknown>,
    private readonly faults: Faults = {},
    private readonly how: Commit = atomically,
  ) {
    this.stopped = new Promise((resolve) => (this.stop = resolve));
  }

  readonly step = async (): Promise<void> => {
    if (this.steps++ === this.faults.stopsAt) {
      this.stop('stopped');
      await new Promise(() => undefined);
    }
    await this.turn();
  };

  /** One by one: a query may see some documents before and others after somebody's commit. */
  async read(_pk: string, ids: readonly string[]) {
    const stored = new Map<string, Stored>();
    for (const id of ids) {
      await this.step();
      const found = this.model.documents.get(id);
      if (found) stored.set(id, found);
    }
    await this.step();
    return { stored, requestCharge: 1 };
  }

  async commit(marker: Marker, writes: readonly Write[]): Promise<GroupOutcome> {
    const first = this.commits++ === 0;
    if (this.commits > MOST_COMMITS) throw new Error('It does not come to an end.');
    await this.step();
    let outcome = await this.how(this.model, marker, writes, this.step);
    if (first && this.faults.answer === 'resent') {
      await this.step();
      outcome = await this.how(this.model, marker, writes, this.step);
    }
    await this.step();
    if (first && this.faults.answer === 'lost') throw new Error('The answer got lost.');
    return outcome;
  }

  async readMarker(_pk: string, id: string): Promise<Marker | undefined> {
    await this.step();
    return this.model.markers.get(id);
  }
}
