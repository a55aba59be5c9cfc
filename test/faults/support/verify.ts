import type { Api, BatchReport, RecordReport } from '../../../tools/lib/api';
import type { Recount, StoredDocument } from '../../../tools/lib/recount';
import type { PostedBatch, Reading } from './workload';

interface Landed {
  readonly reading: Reading;
  readonly stamp: readonly [eventTime: number, receivedAt: number, batchId: string, index: number];
}

const isReading = (record: PostedBatch['records'][number]): record is Reading => 'sensor' in record;

function isNewer(a: Landed['stamp'], b: Landed['stamp']): boolean {
  for (const [place, value] of a.entries()) {
    const other = b[place] as string | number;
    if (value !== other) return value > other;
  }
  return false;
}

/** Holds what the app says against what was posted and what the stores hold; gives every disagreement. */
export class Verifier {
  readonly faults: string[] = [];
  private readonly newest = new Map<string, Landed>();
  private upserted = 0;
  private readonly expectedEvents: string[] = [];

  constructor(
    private readonly api: Api,
    private readonly recount: Recount,
  ) {}

  private check(what: string, actual: unknown, expected: unknown): void {
    const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (a !== b) this.faults.push(`${what}: ${a}, expected ${b}`);
  }

  /** One batch: its report, its records, its verdict files, its archive. */
  async batch(posted: PostedBatch): Promise<void> {
    const id = posted.accepted?.batchId ?? '';
    const report = await this.api.closed(id, { timeoutMs: 90_000 });
    const { accepted, inFlight, ...verdicts } = report.counts;
    const name = `batch ${id}`;
    this.check(`${name} accepted`, accepted, posted.records.length);
    this.check(`${name} in flight`, inFlight, 0);
    this.check(
      `${name} sum of verdicts`,
      Object.values(verdicts).reduce((sum, count) => sum + count, 0),
      accepted,
    );
    this.check(
      `${name} archive hash`,
      (await this.recount.archived(report.archive?.path ?? 'archive/none'))?.sha256,
      posted.sha256,
    );
    const records: RecordReport[] = [];
    for await (const record of this.api.records(id, '?maxpagesize=1000')) records.push(record);
    await this.verdictFiles(id, report, records);
    this.records(posted, report, records);
  }

  private async verdictFiles(
    id: string,
    report: BatchReport,
    records: readonly RecordReport[],
  ): Promise<void> {
    const counted: Record<string, number> = {};
    let lines = 0;
    for (const name of await this.recount.blobNames('verdicts', `${id}/`)) {
      const content = (await this.recount.blob(`verdicts/${name}`))?.toString('utf8') ?? '';
      for (const line of content.split('\n').filter(Boolean)) {
        const { verdict } = JSON.parse(line) as { verdict: string };
        counted[verdict] = (counted[verdict] ?? 0) + 1;
        lines++;
      }
    }
    for (const [verdict, count] of Object.entries(report.counts)) {
      if (verdict !== 'accepted' && verdict !== 'inFlight')
        this.check(`batch ${id} ${verdict} in its files`, counted[verdict] ?? 0, count);
    }
    this.check(`batch ${id} listed records`, records.length, lines);
  }

  private records(posted: PostedBatch, report: BatchReport, records: readonly RecordReport[]): void {
    const id = report.batchId;
    const indices = records.map(({ index }) => index).toSorted((a, b) => a - b);
    this.check(
      `batch ${id} indices`,
      indices,
      posted.records.map((_, index) => index),
    );
    const terminated = report.failure?.code === 'terminated';
    for (const { index, verdict } of records) {
      const record = posted.records[index];
      if (!record) continue;
      if (!isReading(record)) {
        this.check(`batch ${id} bad record ${index}`, verdict, 'quarantined');
        continue;
      }
      if (verdict === 'upserted') this.upserted++;
      if (verdict === 'notApplied' && terminated) continue;
      this.expectedEvents.push(`${id}/${index}`);
      if (verdict === 'notApplied' || verdict === 'quarantined' || verdict === 'deadLettered') {
        this.faults.push(
          `batch ${id} record ${index} is ${verdict} (${report.status}: ${report.failure?.message ?? ''})`,
        );
        continue;
      }
      const stamp = [Date.parse(record.at), Date.parse(report.receivedAt), id, index] as const;
      const rival = this.newest.get(record.sensor);
      if (!rival || isNewer(stamp, rival.stamp)) this.newest.set(record.sensor, { reading: record, stamp });
    }
  }

  /** The stores, after all batches: each key's newest version, the sum of versions, every event in the hub. */
  async stores(): Promise<void> {
    const documents = (await this.recount.documents()).filter(({ pk }) => pk.startsWith('readings:'));
    this.check('documents', documents.length, this.newest.size);
    for (const document of documents) this.document(document);
    this.check(
      'sum of versions',
      documents.reduce((sum, { _hw }) => sum + _hw.version, 0),
      this.upserted,
    );
    const events = await this.recount.events();
    const missing = this.expectedEvents.filter((id) => !events.has(id));
    this.check('events missing in the hub', missing.slice(0, 5), []);
  }

  private document({ data, _hw }: StoredDocument): void {
    const landed = this.newest.get(_hw.key);
    if (!landed) {
      this.faults.push(`document ${_hw.key} was never posted`);
      return;
    }
    this.check(`document ${_hw.key}`, data, landed.reading);
    this.check(`document ${_hw.key} deleted`, _hw.deleted, landed.reading.gone === true);
    const { eventTime, receivedAt, batchId, index } = _hw.newest;
    this.check(`document ${_hw.key} stamp`, [eventTime, receivedAt, batchId, index], landed.stamp);
  }
}
