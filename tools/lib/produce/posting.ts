import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { RecordReport } from '../api';
import { keyOf, type Batch } from './batches';
import type { Answer } from './client';
import type { Closing } from './closing';
import { InputError } from './input-error';
import type { Run } from './run';
import { noCounts, refusedAt, type BatchOutcome } from './summary';

const compress = promisify(gzip);

/** Posts batches, several at a time, at their moments when there is a rate; ends at the first one that fails. */
export class Posting {
  constructor(
    private readonly run: Run,
    private readonly closing: Closing,
  ) {}

  async all(batches: AsyncGenerator<Batch>): Promise<void> {
    const lanes = Array.from({ length: this.run.settings.connections }, () => this.lane(batches));
    const results = await Promise.allSettled(lanes);
    await batches.return(undefined);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  private async lane(batches: AsyncGenerator<Batch>): Promise<void> {
    while (!this.run.stopped) {
      await this.closing.enter();
      let followed = false;
      try {
        const batch = this.run.stopped ? undefined : await this.next(batches);
        if (!batch) return;
        followed = await this.post(batch);
      } catch (error) {
        this.run.stop.abort();
        throw error;
      } finally {
        if (!followed) this.closing.leave();
      }
    }
  }

  private async next(batches: AsyncGenerator<Batch>): Promise<Batch | undefined> {
    try {
      const { value, done } = await batches.next();
      if (!done) return value;
      if (!this.run.stopped) this.run.readAll = true;
    } catch (error) {
      // Its source was closed, so that nobody waits for a pipe that says nothing.
      if (this.run.stopped) return undefined;
      if (!(error instanceof InputError)) throw error;
      const { message, line } = error;
      this.run.fail({ kind: 'input', message, ...(line === undefined ? {} : { line }) });
    }
    return undefined;
  }

  /** Whether the batch is being followed from now on. */
  private async post(batch: Batch): Promise<boolean> {
    const { run } = this;
    const note: BatchOutcome = {
      number: batch.number,
      first: batch.places.first,
      ...lineOf(batch),
      records: batch.records,
      state: 'notSent',
    };
    run.batches.push(note);
    await this.due(note);
    if (run.stopped) return false;
    const { path, init } = await this.request(batch);
    const outcome = await run.client.send(path, init, run.stop.signal);
    if (outcome.kind === 'answered') {
      return run.settings.mode === 'validate'
        ? this.examined(note, batch, outcome)
        : this.accepted(note, batch, outcome);
    }
    if (outcome.kind === 'refused') {
      note.state = 'refused';
      run.fail(refusedAt(outcome.refusal, batch.number, batch.places));
    } else {
      note.state = outcome.maybe ? 'unanswered' : 'notSent';
      run.failedBy(outcome);
    }
    return false;
  }

  /**
   * Waits for a batch's moment, which depends on the number of records before it only: what is late is not dropped, and
   * does not shift what comes after it.
   */
  private async due({ first }: BatchOutcome): Promise<void> {
    const { run } = this;
    const { rate } = run.settings;
    if (rate === undefined) return;
    const waitMs = (first / rate) * 1_000 - run.elapsed();
    if (waitMs > 0) await run.surroundings.delay(waitMs, run.stop.signal);
    else run.lateMs = Math.max(run.lateMs, -waitMs);
  }

  private async request(batch: Batch): Promise<{ path: string; init: RequestInit }> {
    const { dataset, onInvalid, mode, run, gzip } = this.run.settings;
    const { body, contentType, places } = batch;
    const validate = mode === 'validate';
    const query = new URLSearchParams({ onInvalid, ...(validate ? { validate: 'only' } : {}) });
    const headers: Record<string, string> = { 'Content-Type': contentType };
    if (!validate)
      headers['Idempotency-Key'] = keyOf({ dataset, onInvalid, run, contentType, first: places.first }, body);
    if (gzip) headers['Content-Encoding'] = 'gzip';
    return {
      path: `/api/datasets/${encodeURIComponent(dataset)}/batches?${query.toString()}`,
      init: { method: 'POST', headers, body: gzip ? await compress(body) : body },
    };
  }

  private accepted(note: BatchOutcome, batch: Batch, answer: Answer): boolean {
    const { batchId } = (answer.body ?? {}) as { batchId?: unknown };
    if (typeof batchId !== 'string') return this.strange(note, answer.status);
    note.state = 'accepted';
    note.batchId = batchId;
    note.replayed = answer.headers.get('idempotency-replayed') === 'true';
    this.run.noteAccepted(batch.records);
    this.closing.follow(note, batch.places);
    return true;
  }

  private examined(note: BatchOutcome, batch: Batch, answer: Answer): boolean {
    const { counts, records, batchId } = (answer.body ?? {}) as {
      counts?: object;
      records?: readonly RecordReport[];
      batchId?: unknown;
    };
    if (batchId !== undefined) {
      note.state = 'accepted';
      if (typeof batchId === 'string') note.batchId = batchId;
      this.run.fail({
        kind: 'refused',
        status: answer.status,
        code: undefined,
        detail: `This API knows no dry run: it has accepted the records as batch ${JSON.stringify(batchId)}.`,
        batch: batch.number,
      });
      return false;
    }
    if (!counts || !Array.isArray(records)) return this.strange(note, answer.status);
    note.state = 'examined';
    note.counts = { ...noCounts(), ...counts };
    this.closing.rejects.add(records, note, batch.places);
    this.run.noteAccepted(batch.records);
    return false;
  }

  private strange(note: BatchOutcome, status: number): false {
    note.state = 'unanswered';
    const detail = 'The answer is not that of Headwater.';
    this.run.fail({ kind: 'refused', status, code: undefined, detail, batch: note.number });
    return false;
  }
}

function lineOf({ places }: Batch): { line?: number } {
  const { line } = places.ofRecord(0);
  return line === undefined ? {} : { line };
}
