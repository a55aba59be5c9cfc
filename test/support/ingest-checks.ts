import { describeVerdicts } from '../../src/activities/ingest/verdictFile';
import { sha256 } from '../../src/domain/content';
import type { Batch } from '../../src/domain/ingest/batch';
import type { Stored } from '../../src/domain/ingest/decide';
import { archiveName, chunkName } from '../../src/domain/ingest/names';
import { compareStamps, type Stamp } from '../../src/domain/ingest/stamp';
import { stampOf, type QuarantinedRecord, type ValidRecord } from '../../src/domain/ingest/validation';
import type { RecordVerdict } from '../../src/domain/ingest/verdict';
import { bucketOf, documentId, partitionKey } from '../../src/domain/keys';
import { addsUp, checkBatch } from '../../src/domain/ledger/batches';
import type { World } from './ingest-world';
import { Process, type Stores } from './stores-model';

const linesOf = <T>(stores: Stores, name: string): T[] =>
  (stores.blobs.get(name)?.content.toString('utf8') ?? '')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);

/** RU depend on what had to be repeated. */
function withoutCharges(metadata: Readonly<Record<string, string>>): object {
  const { ru: _, ...others } = metadata;
  return others;
}

/**
 * All that the stores hold, but for what may differ between two ways to the same end: RU, times, ETags, what is swept, and
 * chunks, of which executions that came to nothing leave some.
 */
export function contentOf(stores: Stores): object {
  const blobs = stores.blobsUnder('').filter(([name]) => !/^(inbox|uploads|chunks)\//.test(name));
  return {
    batches: [...stores.batches.values()].map(
      ({ batch: { requestCharge: _charge, completedAt: _at, split: _split, ...batch } }) => batch,
    ),
    blobs: Object.fromEntries(
      blobs.map(([name, { content, metadata }]) => [
        name,
        { text: content.toString('latin1'), ...withoutCharges(metadata) },
      ]),
    ),
    documents: Object.fromEntries(
      [...stores.partitions]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([pk, { documents, markers }]) => [
          pk,
          {
            documents: [...documents.values()].map(({ envelope }) => envelope).toSorted(byId),
            markers: [...markers.values()].toSorted(byId),
          },
        ]),
    ),
    events: [...stores.events.keys()].toSorted(),
  };
}

const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);

interface Applied {
  readonly stamp: Stamp;
  readonly version: number;
  readonly data: ValidRecord['data'];
  readonly upserted: boolean;
}

/** Holds what the stores have of closed batches against each other; gives all that does not agree. */
export class Checks {
  readonly faults: string[] = [];
  private readonly applied = new Map<string, Applied[]>();
  private readonly stale: { key: string; stamp: Stamp; winner: string }[] = [];
  /** Records that could have won, though they did not land. */
  private readonly held = new Set<string>();

  private constructor(
    private readonly stores: Stores,
    private readonly sent: ReadonlyMap<string, Buffer>,
  ) {}

  static async of({ stores, sent }: Pick<World, 'stores' | 'sent'>): Promise<string[]> {
    const checks = new Checks(stores, sent);
    for (const { batch } of stores.batches.values()) await checks.batch(batch);
    checks.documents();
    return checks.faults;
  }

  private fail(batch: Batch, text: string): void {
    this.faults.push(`${batch.id.slice(0, 6)} (${batch.status}): ${text}`);
  }

  private async batch(batch: Batch): Promise<void> {
    const { blobs } = new Process(this.stores);
    const files = [];
    for (const [name, { metadata }] of this.stores.blobsUnder(`verdicts/${batch.id}/`)) {
      const file = await describeVerdicts(blobs, { name: name.slice('verdicts/'.length), metadata });
      if (file) files.push(file);
    }
    const { faults, counts } = checkBatch(batch, files);
    for (const fault of faults) this.fail(batch, `${fault.code}: ${fault.detail}`);
    if (!addsUp(counts)) this.fail(batch, `does not add up: ${JSON.stringify(counts)}`);
    const indexes: number[] = [];
    for (const chunk of (batch.chunks ?? []).keys()) indexes.push(...this.chunk(batch, chunk));
    const expected = Array.from({ length: batch.accepted }, (_, index) => index);
    if (String(indexes.toSorted((a, b) => a - b)) !== String(expected))
      this.fail(batch, `verdicts of ${indexes.join()}, not of 0 to ${batch.accepted - 1}`);
    this.archive(batch);
  }

  private archive(batch: Batch): void {
    const archived = this.stores.blobs.get(`archive/${archiveName(batch)}`)?.content;
    const sent = this.sent.get(batch.id);
    if (!batch.archive) {
      if (batch.chunks?.length !== 0) this.fail(batch, 'has no archive');
    } else if (!archived || (sent && !archived.equals(sent))) this.fail(batch, 'is archived otherwise');
    else if (sha256(archived) !== batch.archive.sha256 || archived.length !== batch.archive.bytes)
      this.fail(batch, 'tells hash or length of another archive');
  }

  private chunk(batch: Batch, chunk: number): number[] {
    const name = chunkName(batch.id, chunk);
    const valid = new Map(
      linesOf<ValidRecord>(this.stores, `validated/${name}`).map((one) => [one.index, one]),
    );
    const bad = new Map(
      linesOf<QuarantinedRecord>(this.stores, `quarantine/${name}`).map((one) => [one.index, one]),
    );
    const verdicts = linesOf<RecordVerdict>(this.stores, `verdicts/${name}`);
    for (const verdict of verdicts) {
      const record = valid.get(verdict.index);
      if (verdict.verdict === 'quarantined') {
        if (record || !bad.get(verdict.index)?.errors.length)
          this.fail(batch, `record ${verdict.index} is not in the quarantine with a reason`);
      } else if (record) this.judge(batch, record, verdict);
      else this.fail(batch, `record ${verdict.index} is ${verdict.verdict}, and not valid`);
    }
    return verdicts.map(({ index }) => index);
  }

  private judge(batch: Batch, record: ValidRecord, verdict: RecordVerdict): void {
    const { key, data, index } = record;
    const stamp = stampOf(record, batch.id, Date.parse(batch.receivedAt));
    this.media(batch, record);
    const sent = `${stamp.batchId}/${stamp.index}`;
    // A batch that is ended early may not have come to the hub with all of it.
    if (!this.stores.events.has(sent) && batch.status.startsWith('completed'))
      this.fail(batch, `record ${index} is not in the hub as ${sent}`);
    if (verdict.verdict === 'stale') {
      this.stale.push({ key, stamp, winner: `${verdict.winner.batchId}/${verdict.winner.index}` });
    } else if (verdict.verdict === 'upserted' || verdict.verdict === 'unchanged') {
      const applied = {
        stamp,
        data,
        version: verdict.version,
        upserted: verdict.verdict === 'upserted',
      };
      this.applied.set(key, [...(this.applied.get(key) ?? []), applied]);
    } else this.held.add(sent);
  }

  private media(batch: Batch, { index, data }: ValidRecord): void {
    const { picture } = data as { picture?: { path: string; sha256: string; bytes: number } };
    if (!picture) return;
    const content = this.stores.blobs.get(picture.path)?.content;
    if (!content || sha256(content) !== picture.sha256 || content.length !== picture.bytes)
      this.fail(batch, `the picture of record ${index} is not there`);
  }

  private documents(): void {
    const stored = new Map<string, Stored>();
    for (const { documents } of this.stores.partitions.values())
      for (const document of documents.values()) stored.set(document.envelope._hw.key, document);
    for (const key of new Set([...stored.keys(), ...this.applied.keys()])) {
      const all = this.applied.get(key) ?? [];
      const newest = all.toSorted((a, b) => compareStamps(a.stamp, b.stamp)).at(-1);
      const envelope = stored.get(key)?.envelope;
      const pk = partitionKey('shots', bucketOf(key));
      if (!this.stores.partition(pk).documents.has(documentId(key)))
        this.faults.push(`${key} is in another partition`);
      const versions = all.flatMap(({ upserted, version }) => (upserted ? [version] : []));
      const expected = Array.from({ length: envelope?._hw.version ?? 0 }, (_, before) => before + 1);
      if (String(versions.toSorted((a, b) => a - b)) !== String(expected))
        this.faults.push(`${key} was made in versions ${versions.join()}, not ${expected.join()}`);
      const told = JSON.stringify([newest?.stamp, newest?.data]);
      const found = JSON.stringify([envelope?._hw.newest, envelope?.data]);
      if (told !== found) this.faults.push(`${key} is ${found}, and was to be ${told}`);
    }
    for (const { key, stamp, winner } of this.stale) {
      const newer = this.applied.get(key)?.some((one) => compareStamps(one.stamp, stamp) > 0);
      if (!newer && !this.held.has(winner)) this.faults.push(`${key} is stale by ${winner}, which is none`);
    }
  }
}
