import { BindingOptions, connectionString, type Settings } from './binding-options';
import type { BindingMetadata } from './protocol';

/** Where a partition without a checkpoint begins. */
export type InitialOffset =
  { type: 'fromStart' } | { type: 'fromEnd' } | { type: 'fromEnqueuedTime'; time: Date };

/** `extensions.eventHubs` of host.json: https://learn.microsoft.com/azure/azure-functions/functions-bindings-event-hubs#hostjson-settings */
export interface EventHubsSettings {
  maxEventBatchSize: number;
  /** With fewer events the function is not called before {@link maxWaitMs} has passed since the first of them. */
  minEventBatchSize: number;
  maxWaitMs: number;
  prefetchCount: number;
  batchCheckpointFrequency: number;
  initialOffset: InitialOffset;
}

/** An Event Hubs trigger, as the app registered it: https://learn.microsoft.com/azure/azure-functions/functions-bindings-event-hubs-trigger */
export interface EventHubTrigger {
  connectionString: string;
  hub: string;
  consumerGroup: string;
  /** Whether the function gets one event at a time. */
  single: boolean;
  /** Whether bodies are handed over as bytes. */
  binary: boolean;
  /** Connection string of the storage that holds the checkpoints. */
  storage: string;
}

const DEFAULT_CONSUMER_GROUP = '$Default';
const STORAGE_CONNECTION = 'AzureWebJobsStorage';
const DEFAULTS = {
  maxEventBatchSize: 100,
  minEventBatchSize: 1,
  prefetchCount: 300,
  batchCheckpointFrequency: 1,
};
const DEFAULT_MAX_WAIT = '00:01:00';
const LONGEST_MAX_WAIT_MS = 600_000;

/** @throws with the reason when the options cannot be used. */
export function readEventHubTrigger(binding: BindingMetadata, settings: Settings): EventHubTrigger {
  const options = new BindingOptions(binding, settings);
  const connection = options.connectionString('connection');
  const cardinality = options.text('cardinality')?.toLowerCase() ?? 'one';
  if (cardinality !== 'one' && cardinality !== 'many')
    throw new Error(`its cardinality is "${cardinality}", neither one nor many`);
  return {
    connectionString: connection,
    // A hub that the connection string names comes first.
    hub: /(?:^|;)\s*EntityPath=([^;]+)/i.exec(connection)?.[1] ?? options.requiredText('eventHubName'),
    consumerGroup: options.text('consumerGroup') ?? DEFAULT_CONSUMER_GROUP,
    single: cardinality === 'one',
    binary: options.text('dataType')?.toLowerCase() === 'binary',
    storage: connectionString(STORAGE_CONNECTION, settings),
  };
}

/** @throws when a value of host.json is of the wrong kind. */
export function readEventHubsSettings(section: Record<string, unknown>): EventHubsSettings {
  const count = (name: keyof typeof DEFAULTS): number => {
    const value = section[name] ?? DEFAULTS[name];
    if (!Number.isSafeInteger(value) || (value as number) < 1)
      throw new Error(`host.json: extensions.eventHubs.${name} must be a whole number of at least 1.`);
    return value as number;
  };
  const [most, least] = [count('maxEventBatchSize'), count('minEventBatchSize')];
  if (least > most)
    throw new Error(
      'host.json: extensions.eventHubs.minEventBatchSize must not be larger than maxEventBatchSize.',
    );
  return {
    maxEventBatchSize: most,
    minEventBatchSize: least,
    maxWaitMs: maxWait(section['maxWaitTime'] ?? DEFAULT_MAX_WAIT),
    prefetchCount: count('prefetchCount'),
    batchCheckpointFrequency: count('batchCheckpointFrequency'),
    initialOffset: initialOffset(section['initialOffsetOptions']),
  };
}

function maxWait(value: unknown): number {
  const [, hours, minutes, seconds] =
    /^(\d\d):([0-5]\d):([0-5]\d(?:\.\d{1,7})?)$/.exec(typeof value === 'string' ? value : '') ?? [];
  const time = (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)) * 1_000;
  if (time <= LONGEST_MAX_WAIT_MS) return time;
  throw new Error('host.json: extensions.eventHubs.maxWaitTime must be a time span of at most 00:10:00.');
}

function initialOffset(value: unknown): InitialOffset {
  const options = (value ?? {}) as { type?: unknown; enqueuedTimeUtc?: unknown };
  const where = 'host.json: extensions.eventHubs.initialOffsetOptions';
  const kind = options.type ?? 'fromStart';
  switch (typeof kind === 'string' ? kind.toLowerCase() : '') {
    case 'fromstart':
      return { type: 'fromStart' };
    case 'fromend':
      return { type: 'fromEnd' };
    case 'fromenqueuedtime': {
      const time = new Date(typeof options.enqueuedTimeUtc === 'string' ? options.enqueuedTimeUtc : '');
      if (Number.isNaN(time.getTime())) throw new Error(`${where}.enqueuedTimeUtc must be a time.`);
      return { type: 'fromEnqueuedTime', time };
    }
    default:
      throw new Error(`${where}.type must be fromStart, fromEnd or fromEnqueuedTime.`);
  }
}
