import type { Expression, Query, SelectItem, Selection, SortKey, Source } from './ast';
import { ExpressionParser } from './expression-parser';
import { QueryError, tokenize } from './lexer';
import { isClause } from './token-cursor';

// https://learn.microsoft.com/azure/cosmos-db/concepts-limits#sql-query-limits
const MAX_QUERY_CHARACTERS = 512 * 1024;

/** Parses the clauses of queries. */
class QueryParser extends ExpressionParser {
  whole(): Query {
    const query = this.query();
    if (this.token.kind !== 'end') this.fail();
    return query;
  }

  /** `FROM c WHERE …`, as the condition of a patch is written. */
  predicate(): Query {
    const sources = this.sources();
    const where = this.word('WHERE') ? this.expression() : undefined;
    if (this.token.kind !== 'end') this.fail();
    return { ...EMPTY, sources, where };
  }

  protected query(): Query {
    this.expectWord('SELECT');
    const distinct = this.word('DISTINCT');
    const top = this.word('TOP') ? this.primary() : undefined;
    const selection = this.selection();
    const sources = this.sources();
    const where = this.word('WHERE') ? this.expression() : undefined;
    const groupBy: Expression[] = [];
    if (this.word('GROUP')) {
      this.expectWord('BY');
      do groupBy.push(this.expression());
      while (this.symbol(','));
    }
    const orderBy = this.sortKeys();
    const offset = this.word('OFFSET') ? this.primary() : undefined;
    // One clause: neither stands without the other.
    if (offset) this.expectWord('LIMIT');
    const limit = offset && this.primary();
    return { selection, distinct, top, sources, where, groupBy, orderBy, offset, limit };
  }

  private sortKeys(): SortKey[] {
    const keys: SortKey[] = [];
    if (!this.word('ORDER')) return keys;
    this.expectWord('BY');
    if (this.isWord('RANK')) throw new QueryError('ORDER BY RANK is not implemented.', 'unsupported');
    do {
      const by = this.expression();
      const descending = this.word('DESC');
      if (!descending) this.word('ASC');
      keys.push({ by, descending });
    } while (this.symbol(','));
    return keys;
  }

  private selection(): Selection {
    if (this.symbol('*')) return { kind: 'all' };
    if (this.word('VALUE')) return { kind: 'value', value: this.expression() };
    const items: SelectItem[] = [];
    do {
      const value = this.expression();
      let alias: string | undefined;
      if (this.word('AS')) alias = this.token.kind === 'string' ? this.stringText() : this.name();
      else if (this.token.kind === 'word' && !isClause(this.token.text)) alias = this.name();
      items.push({ value, alias });
    } while (this.symbol(','));
    return { kind: 'list', items };
  }

  private sources(): Source[] {
    if (!this.word('FROM')) return [];
    const sources = [this.source()];
    while (this.word('JOIN')) sources.push(this.source());
    return sources;
  }

  private source(): Source {
    const start = this.position;
    if (this.token.kind === 'word') {
      const alias = this.name();
      if (this.word('IN')) return { alias, of: this.postfix(), iterate: true };
      this.position = start;
    }
    const of = this.postfix();
    let alias: string | undefined;
    if (this.word('AS')) alias = this.name();
    else if (this.token.kind === 'word' && !isClause(this.token.text)) alias = this.name();
    if (alias === undefined && of.kind === 'identifier') alias = of.name;
    if (alias === undefined && of.kind === 'member' && of.name.kind === 'literal')
      alias = String(of.name.value);
    return { alias: alias ?? '', of, iterate: false };
  }
}

const EMPTY = {
  selection: { kind: 'all' },
  distinct: false,
  top: undefined,
  groupBy: [],
  orderBy: [],
  offset: undefined,
  limit: undefined,
} as const satisfies Partial<Query>;

function parserOf(text: string): QueryParser {
  if (text.length > MAX_QUERY_CHARACTERS) throw new QueryError('The query is longer than 512 KB.');
  return new QueryParser(tokenize(text));
}

/** Parses a query. @throws QueryError */
export function parseQuery(text: string): Query {
  return parserOf(text).whole();
}

/** Parses `FROM c WHERE …`. @throws QueryError */
export function parsePredicate(text: string): Query {
  return parserOf(text).predicate();
}
