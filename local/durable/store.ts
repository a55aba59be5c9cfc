import type { StatementSync } from 'node:sqlite';
import type { Database } from '../shared/database';
import {
  createTables,
  TERMINAL,
  type Ending,
  type EpisodeRow,
  type InboxRow,
  type InstanceRow,
  type NextExecution,
  type RuntimeStatus,
} from './schema';

export interface ListFilter {
  from: string;
  prefix: string;
  /** Stamps without the final Z, so that the order of texts is that of times. */
  createdFrom: string | undefined;
  createdTo: string | undefined;
  statuses: readonly RuntimeStatus[] | undefined;
}

export interface EndedFilter {
  /** Stamps without the final Z. */
  createdFrom: string;
  createdTo: string | undefined;
  /** Terminal ones only. */
  statuses: readonly RuntimeStatus[];
}

const LIVE = `status NOT IN (${TERMINAL.map((status) => `'${status}'`).join(',')})`;

/**
 * The SQL of the engine. Methods that write are for use inside {@link Database.write}.
 *
 * An instance costs one row, and one more for each episode; running work (activities, timers, retries) has no rows
 * of its own but follows from the episodes.
 */
export class Store {
  private readonly statements = new Map<string, StatementSync>();

  constructor(readonly database: Database) {
    createTables(database.db);
  }

  private sql(text: string): StatementSync {
    let statement = this.statements.get(text);
    if (!statement) this.statements.set(text, (statement = this.database.db.prepare(text)));
    return statement;
  }

  private number(text: string): number {
    return (this.sql(text).get() as { value: number | null }).value ?? 0;
  }

  maxInstance(): number {
    return this.number('SELECT max(seq) AS value FROM instances');
  }

  maxInbox(): number {
    return this.number('SELECT max(seq) AS value FROM inbox');
  }

  find(id: string): InstanceRow | undefined {
    return this.sql('SELECT * FROM instances WHERE id = ?').get(id) as InstanceRow | undefined;
  }

  liveInstances(): InstanceRow[] {
    return this.sql(`SELECT * FROM instances WHERE ${LIVE} ORDER BY seq`).all() as unknown as InstanceRow[];
  }

  episodes(instance: number): EpisodeRow[] {
    return this.sql(
      'SELECT started, events, decisions FROM episodes WHERE instance = ? ORDER BY episode',
    ).all(instance) as unknown as EpisodeRow[];
  }

  inbox(): InboxRow[] {
    return this.sql(
      'SELECT seq, instance, event, task FROM inbox ORDER BY seq',
    ).all() as unknown as InboxRow[];
  }

  /** One page in the order of ids; the caller knows the status of live instances better than the rows. */
  list(filter: ListFilter, limit: number): InstanceRow[] {
    const terms = ['id >= ?'];
    const values: (string | number)[] = [filter.from > filter.prefix ? filter.from : filter.prefix];
    if (filter.prefix !== '') {
      terms.push('substr(id, 1, length(?)) = ?');
      values.push(filter.prefix, filter.prefix);
    }
    if (filter.createdFrom !== undefined) {
      terms.push("rtrim(created, 'Z') >= ?");
      values.push(filter.createdFrom);
    }
    if (filter.createdTo !== undefined) {
      terms.push("rtrim(created, 'Z') <= ?");
      values.push(filter.createdTo);
    }
    if (filter.statuses) {
      terms.push(`(status IN (${filter.statuses.map(() => '?').join(',')}) OR ${LIVE})`);
      values.push(...filter.statuses);
    }
    return this.sql(`SELECT * FROM instances WHERE ${terms.join(' AND ')} ORDER BY id LIMIT ?`).all(
      ...values,
      limit,
    ) as unknown as InstanceRow[];
  }

  insert(row: InstanceRow): void {
    this.sql(
      'INSERT INTO instances (seq, id, name, execution, version, input, generation, created, status, output, custom, updated, carried, parent, source)' +
        ' VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ).run(
      row.seq,
      row.id,
      row.name,
      row.execution,
      row.version,
      row.input,
      row.generation,
      row.created,
      row.status,
      row.output,
      row.custom,
      row.updated,
      row.carried,
      row.parent,
      row.source,
    );
  }

  /** Puts an execution in the place of the one before; its episodes go, and the ends of what it had called. */
  replaceExecution(instance: number, next: NextExecution): void {
    const { execution, input, carried, created } = next;
    this.sql(
      'UPDATE instances SET execution = ?, input = ?, carried = ?, created = ?, updated = ?,' +
        " output = CASE WHEN status = 'Suspended' THEN output END WHERE seq = ?",
    ).run(execution, input, carried, created, created, instance);
    this.sql('DELETE FROM episodes WHERE instance = ?').run(instance);
    this.sql('DELETE FROM inbox WHERE instance = ? AND task IS NOT NULL').run(instance);
  }

  appendEpisode(instance: number, episode: number, row: EpisodeRow): void {
    this.sql(
      'INSERT INTO episodes (instance, episode, started, events, decisions) VALUES (?, ?, ?, ?, ?)',
    ).run(instance, episode, row.started, row.events, row.decisions);
  }

  setCustom(instance: number, custom: string | null): void {
    this.sql('UPDATE instances SET custom = ? WHERE seq = ?').run(custom, instance);
  }

  setStatus(instance: number, status: RuntimeStatus, output: string | null, updated: string): void {
    this.sql(`UPDATE instances SET status = ?, output = ?, updated = ? WHERE seq = ? AND ${LIVE}`).run(
      status,
      output,
      updated,
      instance,
    );
  }

  end(instance: number, ending: Ending, custom: string | null, updated: string): void {
    this.sql('UPDATE instances SET status = ?, output = ?, custom = ?, updated = ? WHERE seq = ?').run(
      ending.status,
      ending.output,
      custom,
      updated,
      instance,
    );
    this.emptyInbox(instance);
  }

  /**
   * Brings a failed instance back to life with a history that is changed in place.
   *
   * @returns false, having written nothing, when it has not failed or is not there
   */
  revive(instance: number, events: readonly string[], updated: string): boolean {
    const { changes } = this.sql(
      "UPDATE instances SET status = 'Running', output = NULL, updated = ? WHERE seq = ? AND status = 'Failed'",
    ).run(updated, instance);
    if (Number(changes) === 0) return false;
    const update = this.sql('UPDATE episodes SET events = ? WHERE instance = ? AND episode = ?');
    events.forEach((text, episode) => update.run(text, instance, episode));
    return true;
  }

  /** Keeps an event from outside for an instance that has not ended. */
  addToInbox({ seq, instance, event }: Omit<InboxRow, 'task'>): void {
    this.sql(
      `INSERT INTO inbox (seq, instance, event) SELECT ?, seq, ? FROM instances WHERE seq = ? AND ${LIVE}`,
    ).run(seq, event, instance);
  }

  /** Keeps the end of a sub-orchestration for the execution that waits for it, if that has not ended. */
  addChildEnd({ seq, instance, event, task }: InboxRow, execution: string): void {
    this.sql(
      'INSERT INTO inbox (seq, instance, event, task) SELECT ?, seq, ?, ? FROM instances' +
        ` WHERE seq = ? AND execution = ? AND ${LIVE}`,
    ).run(seq, event, task, instance, execution);
  }

  private emptyInbox(instance: number): void {
    this.sql('DELETE FROM inbox WHERE instance = ?').run(instance);
  }

  removeFromInbox(seq: number): void {
    this.sql('DELETE FROM inbox WHERE seq = ?').run(seq);
  }

  /** Ended instances created in a time, in the order of their beginning: those after `after`. */
  ended(after: number, { createdFrom, createdTo, statuses }: EndedFilter, limit: number): number[] {
    const terms = [`status IN (${statuses.map(() => '?').join(',')})`, "rtrim(created, 'Z') >= ?"];
    if (createdTo !== undefined) terms.push("rtrim(created, 'Z') <= ?");
    const rows = this.sql(
      `SELECT seq FROM instances WHERE seq > ? AND ${terms.join(' AND ')} ORDER BY seq LIMIT ?`,
    ).all(after, ...statuses, createdFrom, ...(createdTo === undefined ? [] : [createdTo]), limit);
    return rows.map(({ seq }) => Number(seq));
  }

  /** Removes an instance that has ended; false when it has not, or is not there. */
  removeEnded(instance: number): boolean {
    const live = this.sql(`SELECT 1 FROM instances WHERE seq = ? AND ${LIVE}`).get(instance);
    return live === undefined && this.remove(instance);
  }

  /** Removes an instance and all that belongs to it; false when it is not there. */
  remove(instance: number): boolean {
    const { changes } = this.sql('DELETE FROM instances WHERE seq = ?').run(instance);
    this.sql('DELETE FROM episodes WHERE instance = ?').run(instance);
    this.emptyInbox(instance);
    return Number(changes) > 0;
  }
}
