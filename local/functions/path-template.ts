import { randomUUID } from 'node:crypto';
import type { Invocation } from './protocol';

/** What an invocation offers to binding expressions, by lower-case names. */
export type ExpressionValues = ReadonlyMap<string, string>;

/** Names that hold whatever the trigger is: https://learn.microsoft.com/azure/azure-functions/functions-bindings-expressions-patterns */
const OWN: Record<string, () => string> = {
  'rand-guid': randomUUID,
  'sys.randguid': randomUUID,
  datetime: () => `${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}Z`,
  'sys.utcnow': () => new Date().toISOString(),
};

/** A path such as `orders/{id}-{rand-guid}.json`. */
export class PathTemplate {
  constructor(private readonly text: string) {}

  /** @throws when an expression names nothing that this invocation has. */
  resolve(values: ExpressionValues): string {
    return this.text.replace(/\{([^{}]*)\}/g, (whole, expression: string) => {
      const name = expression.trim().toLowerCase();
      const value = OWN[name]?.() ?? values.get(name);
      if (value === undefined)
        throw new Error(`${whole} in "${this.text}" names nothing that the invocation has`);
      return value;
    });
  }
}

/** Route parameters by their names, `query.<name>` and `headers.<name>` of a request. */
export function valuesOf({ trigger, metadata = {} }: Omit<Invocation, 'id'>): ExpressionValues {
  const values = new Map<string, string>();
  const add = (prefix: string, group: Readonly<Record<string, string>>): void => {
    for (const [name, value] of Object.entries(group)) values.set(`${prefix}${name}`.toLowerCase(), value);
  };
  // Of a streamed request all of it is metadata.
  for (const [name, data] of Object.entries(metadata)) {
    if ('string' in data) values.set(name.toLowerCase(), data.string);
    else if ('json' in data && (name === 'Query' || name === 'Headers'))
      add(`${name}.`, JSON.parse(data.json) as Record<string, string>);
  }
  if ('http' in trigger) {
    const { params, query, headers } = trigger.http;
    add('query.', query);
    add('headers.', headers);
    add('', params);
  }
  return values;
}
