import { QueryError, type Token } from './lexer';

/** Deeper nesting would exhaust the stack. */
const MAX_DEPTH = 128;

const CLAUSES = new Set(['FROM', 'WHERE', 'GROUP', 'ORDER', 'OFFSET', 'LIMIT', 'JOIN', 'IN', 'AS']);

/** Whether a word, in any case, begins a clause, and so is no name. */
export function isClause(word: string): boolean {
  return CLAUSES.has(word.toUpperCase());
}

/** Walks over the tokens of a query: `is…` looks at the next one, the others take it if it fits, and `expect…` insist. */
export class TokenCursor {
  protected position = 0;
  private depth = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  protected get token(): Token {
    return this.tokens[this.position] ?? { kind: 'end', text: '', at: 0 };
  }

  protected fail(): never {
    const { text, kind, at } = this.token;
    throw new QueryError(`Syntax error at position ${at}, near '${kind === 'end' ? '<end>' : text}'.`);
  }

  protected isSymbol(text: string): boolean {
    return this.token.kind === 'symbol' && this.token.text === text;
  }

  protected isWord(...words: string[]): boolean {
    return this.token.kind === 'word' && words.includes(this.token.text.toUpperCase());
  }

  protected symbol(text: string): boolean {
    if (!this.isSymbol(text)) return false;
    this.position++;
    return true;
  }

  protected word(text: string): boolean {
    if (!this.isWord(text)) return false;
    this.position++;
    return true;
  }

  protected expectSymbol(text: string): void {
    if (!this.symbol(text)) this.fail();
  }

  protected expectWord(text: string): void {
    if (!this.word(text)) this.fail();
  }

  protected name(): string {
    const { kind, text } = this.token;
    if (kind !== 'word') this.fail();
    this.position++;
    return text;
  }

  protected nested<T>(parse: () => T): T {
    if (++this.depth > MAX_DEPTH) throw new QueryError('The query is nested too deeply.');
    const result = parse();
    this.depth--;
    return result;
  }

  /** The text of the string that stands here. */
  protected stringText(): string {
    const { text } = this.token;
    this.position++;
    return text;
  }
}
