import type { SQLInputValue } from 'node:sqlite';

/** A piece of SQL with the values of its parameters. */
export interface Sql {
  readonly text: string;
  readonly parameters: readonly SQLInputValue[];
}

export const sql = (text: string, ...parameters: SQLInputValue[]): Sql => ({ text, parameters });

/** All of the terms hold; without any, that is always so. */
export function allOf(terms: readonly Sql[]): Sql {
  const given = terms.filter(({ text }) => text !== '');
  return {
    text: given.map(({ text }) => text).join(' AND ') || '1',
    parameters: given.flatMap(({ parameters }) => parameters),
  };
}
