/** A query that cannot be parsed, or uses what this endpoint lacks; caught where queries are compiled. */
export class QueryError extends Error {
  constructor(
    message: string,
    readonly reason: 'syntax' | 'unsupported' = 'syntax',
  ) {
    super(message);
  }
}

export interface Token {
  readonly kind: 'word' | 'number' | 'string' | 'parameter' | 'symbol' | 'end';
  readonly text: string;
  readonly at: number;
}

const PATTERN =
  /(?<space>\s+|--[^\n]*|\/\*[^]*?\*\/)|(?<parameter>@[\p{L}_$][\p{L}\p{N}_$]*)|(?<word>[\p{L}_$][\p{L}\p{N}_$]*)|(?<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?<string>'(?:[^'\\]|\\[^])*'|"(?:[^"\\]|\\[^])*")|(?<symbol>>>>|<<|>>|<=|>=|<>|!=|\?\?|\|\||[-+*/%=<>()[\]{},.:?&|^~])/uy;

const ESCAPES: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

function unquote(text: string): string {
  return text
    .slice(1, -1)
    .replace(/\\(?:u([0-9a-fA-F]{4})|([^]))/g, (_, hex: string | undefined, char: string) =>
      hex === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
    );
}

/** Cuts a query into tokens. @throws QueryError */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  PATTERN.lastIndex = 0;
  while (PATTERN.lastIndex < text.length) {
    const at = PATTERN.lastIndex;
    const groups = PATTERN.exec(text)?.groups;
    if (!groups) throw new QueryError(`Syntax error near '${text.slice(at, at + 20)}' at position ${at}.`);
    const { parameter, word, number, string, symbol } = groups;
    if (parameter !== undefined) tokens.push({ kind: 'parameter', text: parameter, at });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word, at });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number, at });
    else if (string !== undefined) tokens.push({ kind: 'string', text: unquote(string), at });
    else if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol === '<>' ? '!=' : symbol, at });
  }
  tokens.push({ kind: 'end', text: '', at: text.length });
  return tokens;
}
