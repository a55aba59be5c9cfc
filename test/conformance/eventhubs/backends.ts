import { earliestEventPosition, type EventPosition } from '@azure/event-hubs';
import { Clients, Endpoint } from './support';

/** A hub with four partitions, 0 to 3, that the cases run against. It may hold events of others. */
export class Context extends Clients {
  /** What is published from now on: where to read to see only that. */
  async end(partitionId: string): Promise<EventPosition> {
    const properties = await this.producer().getPartitionProperties(partitionId);
    return properties.isEmpty
      ? earliestEventPosition
      : { sequenceNumber: properties.lastEnqueuedSequenceNumber, isInclusive: false };
  }
}

interface Backend {
  readonly context: Context;
  stop(): Promise<void>;
}

async function local(): Promise<Backend> {
  const endpoint = await Endpoint.start();
  const context = new Context(() => endpoint.connectionString(), 'orders');
  return { context, stop: () => endpoint.dispose() };
}

/** The connection string of a real namespace, and a hub in it with four partitions; without them only the local endpoint is tested. */
const { HEADWATER_TEST_AZURE_EVENT_HUBS: AZURE, HEADWATER_TEST_AZURE_EVENT_HUB: HUB } = process.env;

const BACKENDS: Record<string, () => Promise<Backend>> = {
  local,
  ...(AZURE && HUB
    ? { azure: async () => ({ context: new Context(() => AZURE, HUB), stop: async () => undefined }) }
    : {}),
};

/** Runs the cases once per backend (or on those named). The context is there only inside the cases. */
export function onEachBackend(
  what: string,
  cases: (context: () => Context) => void,
  names = Object.keys(BACKENDS),
): void {
  describe.each(names)(`${what} (%s)`, (name) => {
    let backend: Backend | undefined;
    beforeAll(async () => {
      backend = await BACKENDS[name]!();
    });
    afterEach(() => backend?.context.closeClients());
    afterAll(() => backend?.stop());
    cases(() => backend!.context);
  });
}
