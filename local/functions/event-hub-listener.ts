import { EventHubConsumerClient } from '@azure/event-hubs';
import { Checkpoints, namespaceOf } from './event-hub-checkpoints';
import type { EventHubsSettings, EventHubTrigger } from './event-hub-options';
import { PartitionPump } from './event-hub-pump';
import { Lifetime, LONGEST_STORE_PAUSE_MS, Outage, pauseAfter } from './lifetime';
import type { Deliver } from './retry';
import { log } from '../shared/log';

/**
 * The endpoint is on this machine: it answers soon, or not at all. Repetition is ours, since the SDK would come back
 * only at the next turn of its load balancing.
 */
const CLIENT_OPTIONS = { retryOptions: { maxRetries: 0, timeoutInMs: 5_000 } };

/** Delivers the events of a hub to one function: each partition on its own, with a connection of its own. */
export class EventHubListener {
  private readonly life = new Lifetime();
  private readonly outage: Outage;
  private running: Promise<void> | undefined;

  constructor(
    private readonly name: string,
    private readonly trigger: EventHubTrigger,
    private readonly settings: EventHubsSettings,
    private readonly deliver: Deliver,
  ) {
    this.outage = new Outage(`the event hub ${trigger.hub} for "${name}"`);
  }

  start(): void {
    this.running = this.run().catch((error: unknown) => {
      log('functions', `the Event Hubs trigger "${this.name}" has stopped: ${(error as Error).message}`);
    });
  }

  async stop(): Promise<void> {
    this.life.stop();
    await this.running;
  }

  private async run(): Promise<void> {
    for (let failures = 0; !this.life.stopped;) {
      try {
        const { partitionIds, checkpoints } = await this.open();
        this.outage.recovered('hub');
        await Promise.all(partitionIds.map((id) => this.pump(id, checkpoints).run()));
      } catch (error) {
        if (this.life.stopped) return;
        this.outage.failed('hub', error);
        await this.life.pause(pauseAfter(++failures, LONGEST_STORE_PAUSE_MS));
      }
    }
  }

  /** What must be known before anything is received. */
  private async open(): Promise<{ partitionIds: string[]; checkpoints: Checkpoints }> {
    const client = this.connect();
    try {
      const { partitionIds, createdOn } = await client.getEventHubProperties();
      const { hub, consumerGroup, connectionString, storage } = this.trigger;
      const namespace = namespaceOf(connectionString);
      const checkpoints = new Checkpoints(storage, { namespace, hub, consumerGroup, createdOn });
      await checkpoints.prepare();
      return { partitionIds, checkpoints };
    } finally {
      await client.close().catch(() => undefined);
    }
  }

  private connect(): EventHubConsumerClient {
    const { connectionString, consumerGroup, hub } = this.trigger;
    return /(?:^|;)\s*EntityPath=/i.test(connectionString)
      ? new EventHubConsumerClient(consumerGroup, connectionString, CLIENT_OPTIONS)
      : new EventHubConsumerClient(consumerGroup, connectionString, hub, CLIENT_OPTIONS);
  }

  private pump(partitionId: string, checkpoints: Checkpoints): PartitionPump {
    const { name, trigger, settings, life, outage, deliver } = this;
    const connect = (): EventHubConsumerClient => this.connect();
    return new PartitionPump({
      name,
      partitionId,
      trigger,
      settings,
      life,
      outage,
      checkpoints,
      connect,
      deliver,
    });
  }
}
