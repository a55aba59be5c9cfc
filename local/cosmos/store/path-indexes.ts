import type { DatabaseSync } from 'node:sqlite';
import { log } from '../../shared/log';

/** `pk`: over partition key and path, for queries of one logical partition; `all`: over the path alone. */
export type IndexScope = 'pk' | 'all';

/** Each one makes writes of items that have the path slower. */
const MAX_INDEXES = 8;
/** An index that was not worth its cost is weighed again after so many queries. */
const WEIGH_AGAIN = 100;
const MAX_ASKED = 1_000;

/**
 * SQL for the value at a path of the item, of names that need no escaping in a JSON path. Objects and arrays are their
 * JSON text, booleans 1 and 0, and null is NULL, as what is missing is (https://sqlite.org/json1.html#jex).
 */
export function pathSql(names: readonly string[]): string {
  return `json_extract(body, '$${names.map((name) => `."${name}"`).join('')}')`;
}

/**
 * The indexes over paths of one container's items. They are a derived structure: SQLite keeps them up to date, and
 * which ones there are is read from its schema. Each holds only the items that have the path.
 */
export class PathIndexes {
  private readonly names: Set<string>;
  private readonly asked = new Map<string, number>();
  private refused = false;

  constructor(
    private readonly db: DatabaseSync,
    private readonly table: string,
  ) {
    const rows = db
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?")
      .all(table);
    this.names = new Set((rows as unknown as { name: string }[]).map(({ name }) => name));
  }

  private nameOf(scope: IndexScope, path: readonly string[]): string {
    return `${this.table}:${scope}:${path.join('.')}`;
  }

  /** For FROM: the table, read by its index over this path; undefined when there is none. */
  reading(scope: IndexScope, path: readonly string[]): string | undefined {
    const name = this.nameOf(scope, path);
    return this.names.has(name) ? `${this.table} INDEXED BY "${name}"` : undefined;
  }

  /** Whether another index may be created. */
  get room(): boolean {
    const made = [...this.names].filter((name) => name.startsWith(`${this.table}:`)).length;
    return !this.refused && made < MAX_INDEXES && !this.db.isTransaction;
  }

  /** Whether an index that was not worth it, or not yet, is to be weighed again: now and then only. */
  isTurn(scope: IndexScope, path: readonly string[]): boolean {
    const name = this.nameOf(scope, path);
    const asked = this.asked.get(name) ?? 0;
    if (this.asked.size >= MAX_ASKED) this.asked.clear();
    this.asked.set(name, asked + 1);
    return asked % WEIGH_AGAIN === 0;
  }

  /**
   * Creates an index if there is room for it. What hinders that is logged: queries are answered without it.
   * Returns whether it was created.
   */
  create(scope: IndexScope, path: readonly string[]): boolean {
    const name = this.nameOf(scope, path);
    if (!this.room || this.names.has(name)) return false;
    const value = pathSql(path);
    // The id is in it so that equal values come in the order of the ids, and ids can be listed from it alone.
    const columns = scope === 'pk' ? `pk, ${value}, id` : value;
    try {
      this.db.exec(`CREATE INDEX "${name}" ON ${this.table} (${columns}) WHERE ${value} IS NOT NULL`);
      this.names.add(name);
      return true;
    } catch (error) {
      this.refused = true;
      log('cosmos', `no index was created over ${path.join('.')}: ${(error as Error).message}`);
      return false;
    }
  }
}
