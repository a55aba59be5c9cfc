import type { BinaryOperator, Expression, Query } from './ast';
import { isClause, TokenCursor } from './token-cursor';

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

/** Parses expressions; how queries within them are parsed is left to whoever extends it. */
export abstract class ExpressionParser extends TokenCursor {
  protected abstract query(): Query;

  protected expression(): Expression {
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

  protected postfix(): Expression {
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

  protected primary(): Expression {
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
      if (isClause(upper) || upper === 'SELECT') this.fail();
      return { kind: 'identifier', name: text };
    }
    this.position++;
    if ((upper === 'EXISTS' || upper === 'ARRAY') && this.isWord('SELECT')) {
      return this.subquery(upper === 'EXISTS' ? 'exists' : 'array');
    }
    return { kind: 'call', name: upper, args: this.listUntil(')') };
  }
}
