import type { DurableClient, DurableOrchestrationStatus } from 'durable-functions';

/** The status of an instance, or undefined when the platform knows none. The SDK tells that only in an error's text. */
export async function instanceStatus(
  client: DurableClient,
  id: string,
): Promise<DurableOrchestrationStatus | undefined> {
  try {
    return await client.getStatus(id);
  } catch (error) {
    if (error instanceof Error && error.message.includes('HTTP 404')) return undefined;
    throw error;
  }
}

const TERMINAL = new Set(['Completed', 'Failed', 'Terminated', 'Canceled']);

/** Whether an instance has ended for good, by its runtime status. */
export const hasEnded = (runtimeStatus: string): boolean => TERMINAL.has(runtimeStatus);

/** Removes an instance with its history. One that has not ended stays; one that is not there is no error. */
export async function purgeInstance(client: DurableClient, id: string): Promise<'gone' | 'running'> {
  try {
    await client.purgeInstanceHistory(id);
    return 'gone';
  } catch (error) {
    // Not terminal; told only in the text, too.
    if (error instanceof Error && error.message.includes('status code: 412')) return 'running';
    throw error;
  }
}

/** Asks the platform to end an instance; false when it knows none. An instance that has ended already is no error. */
export async function terminateInstance(client: DurableClient, id: string, reason: string): Promise<boolean> {
  try {
    await client.terminate(id, encodeURIComponent(reason));
    return true;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('No instance')) return false;
    throw error;
  }
}
