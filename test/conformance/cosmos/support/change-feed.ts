import { ChangeFeedStartFrom, type ChangeFeedIteratorOptions, type Container } from '@azure/cosmos';

export interface Drained {
  readonly ids: string[];
  readonly continuation: string;
}

/** Reads a change feed until it says 304. */
export async function drain(container: Container, options: ChangeFeedIteratorOptions): Promise<Drained> {
  const ids: string[] = [];
  for await (const page of container.items
    .getChangeFeedIterator<{ id: string }>(options)
    .getAsyncIterator()) {
    if (page.statusCode === 304) return { ids, continuation: page.continuationToken };
    ids.push(...page.result.map(({ id }) => id));
  }
  return { ids, continuation: '' };
}

export const fromStart = (): ChangeFeedIteratorOptions => ({
  changeFeedStartFrom: ChangeFeedStartFrom.Beginning(),
});

export const goOn = (continuation: string): ChangeFeedIteratorOptions => ({
  changeFeedStartFrom: ChangeFeedStartFrom.Continuation(continuation),
});
