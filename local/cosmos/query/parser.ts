import type { BinaryOperator, Expression, Query, SelectItem, Selection, SortKey, Source } from './ast';
import { QueryError, tokenize, type Token } from './lexer';

// https://learn.microsoft.com/azure/cosmos-db/concepts-limits#sql-query-limits
const MAX_QUERY_CHARACTERS = 512 * 1024;
/** Deeper nesting would exhaust the stack. */
const MAX_DEPTH = 128;

const CLAUSES = new Set(['FROM', 'WHERE', 'GROUP', 'ORDER', 'OFFSET', 'LIMIT', 'JOIN', 'IN', 'AS']);

/** Binary operators, loosest first; those of one row associate to the left. */
const PRECEDENCE: readonly (readonly BinaryOperator[])[] = [
  ['|'],
  ['^'],
  ['&'],
  ['<<', '>>', '>>>'],
  ['+', '-', '||'],
  ['*', '/', '%'],
];
const COMPARISONS: readonly BinaryOperator[] = ['=', '!=', '<', '<=', '>', '>='];

class Parser {
  private position = 0;
  private depth = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  private get token(): Token {
    return this.tokens[this.position] ?? { kind: 'end', text: '', at: 0 };
  }

  private fail(): never {
    const { text, kind, at } = this.token;
    throw new QueryError(`Syntax error at position ${at}, near '${kind === 'end' ? '<end>' : text}'.`);
  }

  private isSymbol(text: string): boolean {
    return this.token.kind === 'symbol' && this.token.text === text;
  }

  private isWord(...words: string[]): boolean {
    return this.token.kind === 'word' && words.includes(this.token.text.toUpperCase());
  }

  private symbol(text: string): boolean {
    if (!this.isSymbol(text)) return false;
    this.position++;
    return true;
  }

  private word(text: string): boolean {
    if (!this.isWord(text)) return false;
    this.position++;
    return true;
  }

  private expectSymbol(text: string): void {
    if (!this.symbol(text)) this.fail();
  }

  private expectWord(text: string): void {
    if (!this.word(text)) this.fail();
  }

  private name(): string {
    const { kind, text } = this.token;
    if (kind !== 'word') this.fail();
    this.position++;
    return text;
  }

  private nested<T>(parse: () => T): T {
    if (++this.depth > MAX_DEPTH) throw new QueryError('The query is nested too deeply.');
    const result = parse();
    this.depth--;
    return result;
  }

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

  private query(): Query {
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
      else if (this.token.kind === 'word' && !CLAUSES.has(this.token.text.toUpperCase())) alias = this.name();
      items.push({ value, alias });
    } while (this.symbol(','));
    return { kind: 'list', items };
  }

  private stringText(): string {
    const { text } = this.token;
    this.position++;
    return text;
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
      if (this.word('IN')) return { alias, of: this.sourceExpression(), iterate: true };
      this.position = start;
    }
    const of = this.sourceExpression();
    let alias: string | undefined;
    if (this.word('AS')) alias = this.name();
    else if (this.token.kind === 'word' && !CLAUSES.has(this.token.text.toUpperCase())) alias = this.name();
    if (alias === undefined && of.kind === 'identifier') alias = of.name;
    if (alias === undefined && of.kind === 'member' && of.name.kind === 'literal')
      alias = String(of.name.value);
    return { alias: alias ?? '', of, iterate: false };
  }

  private sourceExpression(): Expression {
    return this.postfix();
  }

  expression(): Expression {
    return this.nested(() => {
      const condition = this.coalesce();
      if (!this.symbol('?')) return condition;
      const whenTrue = this.expression();
      this.expectSymbol(':');
      return { kind: 'conditional', condition, whenTrue, whenFalse: this.expression() };
    });
  }

  private coalesce(): Expression {
    let left = this.or();
    while (this.symbol('??')) left = { kind: 'binary', operator: '??', left, right: this.or() };
    return left;
  }

  private or(): Expression {
    let left = this.and();
    while (this.word('OR')) left = { kind: 'binary', operator: 'OR', left, right: this.and() };
    return left;
  }

  private and(): Expression {
    let left = this.not();
    while (this.word('AND')) left = { kind: 'binary', operator: 'AND', left, right: this.not() };
    return left;
  }

  private not(): Expression {
    if (!this.word('NOT')) return this.comparison();
    return this.nested(() => ({ kind: 'unary', operator: 'NOT', operand: this.not() }));
  }

  private comparison(): Expression {
    let left = this.binary(0);
    for (;;) {
      const operator = COMPARISONS.find((candidate) => this.isSymbol(candidate));
      if (operator) {
        this.position++;
        left = { kind: 'binary', operator, left, right: this.binary(0) };
        continue;
      }
      const start = this.position;
      const negated = this.word('NOT');
      const tested = this.membership(left);
      if (!tested) {
        this.position = start;
        return left;
      }
      left = negated ? { kind: 'unary', operator: 'NOT', operand: tested } : tested;
    }
  }

  private membership(value: Expression): Expression | undefined {
    if (this.word('IN')) {
      this.expectSymbol('(');
      return { kind: 'in', value, list: this.listUntil(')') };
    }
    if (this.word('BETWEEN')) {
      const low = this.binary(0);
      this.expectWord('AND');
      return { kind: 'between', value, low, high: this.binary(0) };
    }
    if (!this.word('LIKE')) return undefined;
    const pattern = this.binary(0);
    if (!this.word('ESCAPE')) return { kind: 'like', value, pattern, escape: undefined };
    if (this.token.kind !== 'string') this.fail();
    return { kind: 'like', value, pattern, escape: this.stringText() };
  }

  private binary(level: number): Expression {
    const operators = PRECEDENCE[level];
    if (!operators) return this.unary();
    let left = this.binary(level + 1);
    for (;;) {
      const operator = operators.find((candidate) => this.isSymbol(candidate));
      if (!operator) return left;
      this.position++;
      left = { kind: 'binary', operator, left, right: this.binary(level + 1) };
    }
  }

  private unary(): Expression {
    for (const operator of ['-', '+', '~'] as const) {
      if (this.symbol(operator)) {
        return this.nested(() => ({ kind: 'unary', operator, operand: this.unary() }));
      }
    }
    return this.postfix();
  }

  private postfix(): Expression {
    let of = this.primary();
    for (;;) {
      if (this.symbol('.')) of = { kind: 'member', of, name: { kind: 'literal', value: this.name() } };
      else if (this.symbol('[')) {
        of = { kind: 'member', of, name: this.expression() };
        this.expectSymbol(']');
      } else return of;
    }
  }

  private listUntil(end: string): Expression[] {
    const list: Expression[] = [];
    if (this.symbol(end)) return list;
    do list.push(this.expression());
    while (this.symbol(','));
    this.expectSymbol(end);
    return list;
  }

  private primary(): Expression {
    const { kind, text } = this.token;
    switch (kind) {
      case 'number':
        this.position++;
        return { kind: 'literal', value: Number(text) };
      case 'string':
        this.position++;
        return { kind: 'literal', value: text };
      case 'parameter':
        this.position++;
        return { kind: 'parameter', name: text };
      case 'symbol':
        return this.bracketed();
      case 'word':
        return this.named();
      case 'end':
        return this.fail();
      default:
        return kind satisfies never;
    }
  }

  private bracketed(): Expression {
    if (this.symbol('[')) return { kind: 'array', items: this.listUntil(']') };
    if (this.symbol('{')) return this.object();
    this.expectSymbol('(');
    if (this.isWord('SELECT')) return this.subquery('scalar');
    const inner = this.expression();
    this.expectSymbol(')');
    return inner;
  }

  private subquery(form: 'scalar' | 'array' | 'exists'): Expression {
    return this.nested(() => {
      const query = this.query();
      this.expectSymbol(')');
      return { kind: 'subquery', form, query };
    });
  }

  private object(): Expression {
    const properties: [string, Expression][] = [];
    if (this.symbol('}')) return { kind: 'object', properties };
    do {
      const name = this.token.kind === 'string' ? this.stringText() : this.name();
      this.expectSymbol(':');
      properties.push([name, this.expression()]);
    } while (this.symbol(','));
    this.expectSymbol('}');
    return { kind: 'object', properties };
  }

  private named(): Expression {
    const text = this.name();
    const upper = text.toUpperCase();
    const next = this.isSymbol('(');
    if (!next) {
      if (text === 'true' || text === 'false') return { kind: 'literal', value: text === 'true' };
      if (text === 'null') return { kind: 'literal', value: null };
      if (text === 'undefined') return { kind: 'literal', value: undefined };
      if (CLAUSES.has(upper) || upper === 'SELECT') this.fail();
      return { kind: 'identifier', name: text };
    }
    this.position++;
    if ((upper === 'EXISTS' || upper === 'ARRAY') && this.isWord('SELECT')) {
      return this.subquery(upper === 'EXISTS' ? 'exists' : 'array');
    }
    return { kind: 'call', name: upper, args: this.listUntil(')') };
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

function parserOf(text: string): Parser {
  if (text.length > MAX_QUERY_CHARACTERS) throw new QueryError('The query is longer than 512 KB.');
  return new Parser(tokenize(text));
}

/** Parses a query. @throws QueryError */
export function parseQuery(text: string): Query {
  return parserOf(text).whole();
}

/** Parses `FROM c WHERE …`. @throws QueryError */
export function parsePredicate(text: string): Query {
  return parserOf(text).predicate();
}
