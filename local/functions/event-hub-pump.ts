import {
  earliestEventPosition,
  type EventHubConsumerClient,
  type EventPosition,
  type ReceivedEventData,
} from '@azure/event-hubs';
import type { Checkpoint, Checkpoints } from './event-hub-checkpoints';
import {
  manyEvents,
  manyMetadata,
  singleEvent,
  singleMetadata,
  type PartitionDescription,
} from './event-hub-data';
import type { EventHubsSettings, EventHubTrigger } from './event-hub-options';
import { atMost, LONGEST_STORE_PAUSE_MS, pauseAfter, type Lifetime, type Outage } from './lifetime';
import type { Deliver } from './retry';
import type { TypedData } from './protocol';
import { log } from '../shared/log';

/** The SDK tells nobody when a connection is lost: a receiver looks after so many seconds without events. */
const RECEIVE_SECONDS = 1;
/** An endpoint that is gone does not answer when a connection is closed: it is not waited for longer (ms). */
const CLOSE_GRACE_MS = 1_000;

export interface PumpOptions {
  /** The function. */
  name: string;
  partitionId: string;
  trigger: EventHubTrigger;
  settings: EventHubsSettings;
  life: Lifetime;
  outage: Outage;
  checkpoints: Checkpoints;
  connect: () => EventHubConsumerClient;
  deliver: Deliver;
}

/** Gathers events until they are as many as host.json asks for, or the first of them has waited long enough. */
class Group {
  private events: ReceivedEventData[] = [];
  private since = 0;

  constructor(private readonly settings: Pick<EventHubsSettings, 'minEventBatchSize' | 'maxWaitMs'>) {}

  /** @returns what is to be delivered now */
  add(events: readonly ReceivedEventData[]): ReceivedEventData[] {
    if (this.events.length === 0) this.since = performance.now();
    this.events.push(...events);
    const { minEventBatchSize, maxWaitMs } = this.settings;
    if (this.events.length < minEventBatchSize && performance.now() - this.since < maxWaitMs) return [];
    const ready = this.events;
    this.events = [];
    return ready;
  }
}

/** Delivers the events of one partition in order. Its checkpoint moves when the function has succeeded. */
export class PartitionPump {
  private begun = false;
  /** The last event that the function has had; undefined as long as there is none. */
  private position: Checkpoint | undefined;
  /** Batches since the checkpoint was stored. */
  private unstored = 0;

  constructor(private readonly options: PumpOptions) {}

  /** Resolves when its lifetime has ended. */
  async run(): Promise<void> {
    const { life, outage, partitionId, connect } = this.options;
    for (let failures = 0; !life.stopped;) {
      const client = connect();
      try {
        await this.begin(client);
        outage.recovered(partitionId);
        failures = 0;
        await this.receive(client);
      } catch (error) {
        if (life.stopped) break;
        outage.failed(partitionId, error);
        await life.pause(pauseAfter(++failures, LONGEST_STORE_PAUSE_MS));
      } finally {
        await atMost(CLOSE_GRACE_MS, client.close());
      }
    }
    if (this.unstored > 0) await this.store();
  }

  /** Finds out where to begin, the first time, and whether the partition is still the one that we know. */
  private async begin(client: EventHubConsumerClient): Promise<void> {
    const { name, partitionId, checkpoints, settings } = this.options;
    const last = await client.getPartitionProperties(partitionId);
    const known = this.begun ? this.position : await checkpoints.read(partitionId);
    if (known === 'foreign' || (known && known.sequenceNumber > last.lastEnqueuedSequenceNumber)) {
      const what = `the checkpoint of partition ${partitionId} belongs to an earlier hub of this name`;
      log('functions', `"${name}": ${what}, and is not used`);
      this.position = undefined;
    } else {
      this.position = known;
    }
    if (!this.begun && this.position === undefined && settings.initialOffset.type === 'fromEnd') {
      // The end is where it is now, also if the connection is lost before the first event.
      const offset = last.isEmpty ? '-1' : last.lastEnqueuedOffset;
      this.position = { offset, sequenceNumber: last.lastEnqueuedSequenceNumber };
      await checkpoints.write(partitionId, this.position);
    }
    this.begun = true;
  }

  /** Receives until its lifetime ends. @throws when the connection is lost. */
  private receive(client: EventHubConsumerClient): Promise<void> {
    const { partitionId, settings, life, trigger } = this.options;
    const partition: PartitionDescription = {
      fullyQualifiedNamespace: client.fullyQualifiedNamespace,
      eventHubName: trigger.hub,
      consumerGroup: trigger.consumerGroup,
      partitionId,
    };
    return new Promise((resolve, reject) => {
      let busy: Promise<void> = Promise.resolve();
      // A function that is called for each event does not wait for others.
      const group = new Group(trigger.single ? { ...settings, minEventBatchSize: 1 } : settings);
      let ended = false;
      const end = async (error?: Error): Promise<void> => {
        if (ended) return;
        ended = true;
        life.signal.removeEventListener('abort', stop);
        await atMost(CLOSE_GRACE_MS, subscription.close());
        await busy;
        if (error) reject(error);
        else resolve();
      };
      const stop = (): void => void end();
      const subscription = client.subscribe(
        partitionId,
        {
          // Called without events as well, every so many seconds.
          processEvents: (events) => (busy = this.process(group.add(events), partition)),
          processError: async (error) => void end(error),
          processClose: async () => void end(new Error('the receiver was closed')),
        },
        {
          startPosition: this.startPosition(),
          maxBatchSize: settings.maxEventBatchSize,
          prefetchCount: settings.prefetchCount,
          maxWaitTimeInSeconds: RECEIVE_SECONDS,
          skipParsingBodyAsJson: true,
        },
      );
      life.signal.addEventListener('abort', stop, { once: true });
      if (life.stopped) stop();
    });
  }

  private startPosition(): EventPosition {
    const { initialOffset } = this.options.settings;
    if (this.position) return { offset: this.position.offset };
    return initialOffset.type === 'fromEnqueuedTime'
      ? { enqueuedOn: initialOffset.time }
      : earliestEventPosition;
  }

  private async process(all: ReceivedEventData[], partition: PartitionDescription): Promise<void> {
    const { maxEventBatchSize } = this.options.settings;
    for (let at = 0; at < all.length; at += maxEventBatchSize)
      await this.processGroup(all.slice(at, at + maxEventBatchSize), partition);
  }

  private async processGroup(events: ReceivedEventData[], partition: PartitionDescription): Promise<void> {
    const { trigger, life, settings } = this.options;
    const { binary } = trigger;
    const last = events.at(-1);
    if (!last) return;
    if (!trigger.single) {
      if (!(await this.give(manyEvents(events, binary), manyMetadata(events, partition), events))) return;
      this.position = { offset: last.offset, sequenceNumber: last.sequenceNumber };
    } else {
      for (const event of events) {
        if (!(await this.give(singleEvent(event, binary), singleMetadata(event, partition), [event]))) break;
        this.position = { offset: event.offset, sequenceNumber: event.sequenceNumber };
      }
    }
    this.unstored++;
    if (life.stopped || this.unstored >= settings.batchCheckpointFrequency) await this.store();
  }

  /** Gives events to the function until it succeeds; false when the lifetime ends before. */
  private async give(
    trigger: TypedData,
    metadata: Record<string, TypedData>,
    events: readonly ReceivedEventData[],
  ): Promise<boolean> {
    const { name, partitionId, life, deliver } = this.options;
    for (let failures = 1; !life.stopped; failures++) {
      const delivered = await deliver(trigger, life, metadata);
      if (delivered.ok) return true;
      if (life.stopped) break;
      const pause = pauseAfter(failures);
      const from = `event ${events[0]?.sequenceNumber} of partition ${partitionId}`;
      log(
        'functions',
        `"${name}" failed with ${events.length} events from ${from} on, which come again in ${pause / 1000} s ` +
          `(on Azure they would be skipped, unless maxRetryCount is -1): ${delivered.message}`,
      );
      await life.pause(pause);
    }
    return false;
  }

  /** Stores the checkpoint, once the store answers; when the lifetime ends, one try must do. */
  private async store(): Promise<void> {
    const { partitionId, checkpoints, life, outage } = this.options;
    const { position } = this;
    if (!position) return;
    const key = `checkpoint ${partitionId}`;
    for (let failures = 1; ; failures++) {
      try {
        await checkpoints.write(partitionId, position);
        outage.recovered(key);
        this.unstored = 0;
        return;
      } catch (error) {
        if (life.stopped) return;
        outage.failed(key, error);
        await life.pause(pauseAfter(failures, LONGEST_STORE_PAUSE_MS));
      }
    }
  }
}
