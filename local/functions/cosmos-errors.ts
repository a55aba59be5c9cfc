/** The HTTP status of a request to Cosmos DB that failed, or undefined when there was no answer. */
export function statusOf(error: unknown): number | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'number' ? code : undefined;
}
