/** Expressions of the query language (https://learn.microsoft.com/azure/cosmos-db/nosql/query/). */
export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null | undefined }
  | { readonly kind: 'parameter'; readonly name: string }
  | { readonly kind: 'identifier'; readonly name: string }
  | { readonly kind: 'member'; readonly of: Expression; readonly name: Expression }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'conditional';
      readonly condition: Expression;
      readonly whenTrue: Expression;
      readonly whenFalse: Expression;
    }
  | { readonly kind: 'in'; readonly value: Expression; readonly list: readonly Expression[] }
  | {
      readonly kind: 'between';
      readonly value: Expression;
      readonly low: Expression;
      readonly high: Expression;
    }
  | {
      readonly kind: 'like';
      readonly value: Expression;
      readonly pattern: Expression;
      readonly escape: string | undefined;
    }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'array'; readonly items: readonly Expression[] }
  | { readonly kind: 'object'; readonly properties: readonly (readonly [name: string, value: Expression])[] }
  | { readonly kind: 'subquery'; readonly form: 'scalar' | 'array' | 'exists'; readonly query: Query };

export type UnaryOperator = 'NOT' | '-' | '+' | '~';
export type BinaryOperator =
  | 'OR'
  | 'AND'
  | '??'
  | '='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '||'
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '&'
  | '|'
  | '^'
  | '<<'
  | '>>'
  | '>>>';

export interface SelectItem {
  readonly value: Expression;
  /** Absent: named after the path's last name, or `$1`, `$2`, … */
  readonly alias: string | undefined;
}

export type Selection =
  | { readonly kind: 'all' }
  | { readonly kind: 'value'; readonly value: Expression }
  | { readonly kind: 'list'; readonly items: readonly SelectItem[] };

/** `FROM source alias`, `FROM alias IN source` or `JOIN alias IN source`. */
export interface Source {
  readonly alias: string;
  /** In the outermost query the first one begins with the container itself, whatever its name there. */
  readonly of: Expression;
  /** Whether it ranges over the elements of an array. */
  readonly iterate: boolean;
}

export interface SortKey {
  readonly by: Expression;
  readonly descending: boolean;
}

export interface Query {
  readonly selection: Selection;
  readonly distinct: boolean;
  readonly top: Expression | undefined;
  readonly sources: readonly Source[];
  readonly where: Expression | undefined;
  readonly groupBy: readonly Expression[];
  readonly orderBy: readonly SortKey[];
  readonly offset: Expression | undefined;
  readonly limit: Expression | undefined;
}
