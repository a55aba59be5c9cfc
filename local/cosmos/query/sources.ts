import type { Expression, Query, Source } from './ast';
import { useRows } from './bounds';
import { compileExpression, type Environment, type Scope } from './expression';
import { QueryError } from './lexer';
import type { Value } from './values';

/** The rows that FROM and JOIN make of one. */
export type Expand = (env: Environment) => readonly Environment[];

const withSlot = (env: Environment, slot: number, value: Value): Environment => {
  const slots = env.slots.slice();
  slots[slot] = value;
  return { ...env, slots };
};

function compileSource(source: Source, scope: Scope): Expand {
  const of = compileExpression(source.of, scope);
  const slot = scope.declare(source.alias);
  if (!source.iterate) {
    return (env) => {
      const value = of(env);
      return value === undefined ? [] : [withSlot(env, slot, value)];
    };
  }
  return (env) => {
    const list = of(env);
    return Array.isArray(list) ? (list as Value[]).map((item) => withSlot(env, slot, item)) : [];
  };
}

/** The name that a path begins with: in the outermost FROM it stands for the container. */
function baseName(expression: Expression): string | undefined {
  if (expression.kind === 'identifier') return expression.name;
  return expression.kind === 'member' ? baseName(expression.of) : undefined;
}

/** Compiles FROM and JOIN; undefined when each row is the item itself. @throws QueryError */
export function compileSources(query: Query, scope: Scope, outermost: boolean): Expand | undefined {
  let sources = query.sources;
  const [first] = sources;
  if (outermost && first) {
    const base = baseName(first.of);
    if (base === undefined) throw new QueryError('FROM must name the container first.');
    if (first.of.kind === 'identifier' && !first.iterate) {
      scope.declareRow(first.alias);
      sources = sources.slice(1);
    } else scope.declareRow(base);
  }
  const steps = sources.map((source) => compileSource(source, scope));
  if (steps.length === 0) return undefined;
  return (env) => {
    let envs: readonly Environment[] = [env];
    for (const step of steps) {
      const next: Environment[] = [];
      for (const one of envs) {
        const made = step(one);
        useRows(env.used, made.length, next.length + made.length);
        for (const row of made) next.push(row);
      }
      envs = next;
    }
    return envs;
  };
}
