import type { Connection } from './clients/connection';
import { MAX_GRANT_MINUTES } from './domain/ingest/upload';

/** The app's configuration: read once, checked, frozen. Names of settings stand in `docs/configuration.md`. */
export interface Config {
  readonly storage: Connection;
  readonly cosmos: Connection & { readonly database: string };
  readonly eventHubs: Connection & { readonly hub: string };
  /** The way of single records into batches. */
  readonly ingress: {
    readonly hub: string;
    readonly consumerGroup: string;
    /** By which the app reads what no trigger has delivered: the platform lets nobody else read in the trigger's group. */
    readonly readGroup: string;
    /** Between two sends to one partition, ms. */
    readonly pauseMs: number;
  };
  /** Secret of signed links. */
  readonly signingKey: string;
  readonly limits: {
    /** bytes of a batch's decoded body */
    readonly batchBytes: number;
    readonly batchRecords: number;
    /** batches accepted but not closed */
    readonly batchesInFlight: number;
    /** records in the hub `ingress` that are not in batches yet */
    readonly ingressLag: number;
    /** requests to the store of documents in ten seconds that it put off */
    readonly throttled: number;
    /** bytes of an upload, as it is put and when decompressed */
    readonly uploadBytes: number;
    /** records of a batch that is made of an upload */
    readonly uploadRecords: number;
  };
  /** How long the link of an upload can be written to, ms. */
  readonly uploadGrantMs: number;
  /** How long an idempotency key is remembered, ms. */
  readonly idempotencyLifetimeMs: number;
  /** Activities of one batch that run at the same time. */
  readonly fanOut: number;
  /** Groups of one chunk that are written at the same time. */
  readonly groupConcurrency: number;
  /** TTL of markers, seconds: longer than a batch may stay open. */
  readonly markerTtlSeconds: number;
  /** NCRONTAB of the timer that starts and closes what was left behind. */
  readonly sweepSchedule: string;
  /** NCRONTAB of the timer that makes lost verdict files again: it goes round all batches. */
  readonly repairSchedule: string;
  /** Age after which an accepted batch counts as left behind, ms. */
  readonly sweepAfterMs: number;
  /** NCRONTAB of the timer that purges what closed batches and ended orchestrations leave. */
  readonly purgeSchedule: string;
  /** How long (ms) after its end a batch keeps its instance and its chunks. */
  readonly purgeAfterMs: number;
  /** How often (ms) the change feed is asked when it had nothing new. */
  readonly feedPollMs: number;
  readonly egress: {
    /** Key of 32 bytes that subscriptions' secrets are encrypted with. */
    readonly encryptionKey: Buffer;
    /** Beginning of the `source` and `dataschema` of events: an absolute URI. */
    readonly source: string;
    /** Deliver to `http:` and to private addresses as well: for a laptop only. */
    readonly allowLocalWebhooks: boolean;
    /** What receivers are asked to allow (`WebHook-Request-Origin`); absent: the host that the request came to. */
    readonly webhookOrigin?: string;
    readonly maxSubscriptions: number;
    /** How long a request may take, ms. */
    readonly timeoutMs: number;
    /** Requests for one version before it is dead-lettered. */
    readonly attempts: number;
    /** Pause before the second request, ms; each further one is `waitFactor` times as long. */
    readonly firstWaitMs: number;
    readonly waitFactor: number;
    /** A subscription whose every request fails is disabled after this time, ms. */
    readonly disableAfterMs: number;
    /** How long attempts can be looked at, seconds. */
    readonly attemptTtlSeconds: number;
    /** Drains that share the subscriptions; each runs as one activity. */
    readonly lanes: number;
    /** Requests under way at the same time, in all lanes together. */
    readonly slots: number;
  };
  /** The answer to a posted batch is the platform's own management payload, with the system key in its links. */
  readonly nativeManagementPayload: boolean;
  /** Create missing databases and containers; off where the identity may not. */
  readonly createResources: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

const DAY_MS = 86_400_000;

/** A TTL is a signed 32-bit number of seconds (https://learn.microsoft.com/azure/cosmos-db/nosql/time-to-live). */
const MAX_TTL_DAYS = Math.floor((2 ** 31 - 1) / 86_400);

/** Ten years: what is longer is a slip, and a time before which nothing can be. */
const MAX_PURGE_HOURS = 87_600;

class Settings {
  readonly faults: string[] = [];
  constructor(private readonly env: Environment) {}

  /** An unset and an empty setting are the same: the portal cannot tell them apart. */
  optional(name: string): string | undefined {
    const value = this.env[name]?.trim();
    return value === '' ? undefined : value;
  }

  text(name: string, fallback: string): string {
    return this.optional(name) ?? fallback;
  }

  secret(name: string, minimum: number): string {
    const value = this.optional(name);
    if (value !== undefined && value.length >= minimum) return value;
    this.faults.push(`${name} must be set to at least ${minimum} characters.`);
    return '';
  }

  /** A key of AES-256: 32 bytes in base64 or 64 hexadecimal digits. */
  key(name: string): Buffer {
    const text = this.optional(name) ?? '';
    const key = Buffer.from(text, /^[0-9a-f]{64}$/i.test(text) ? 'hex' : 'base64');
    if (key.length !== 32)
      this.faults.push(`${name} must be set to 32 random bytes, in base64 or as 64 hexadecimal digits.`);
    return key;
  }

  integer(name: string, fallback: number, minimum: number, maximum = Number.MAX_SAFE_INTEGER): number {
    const text = this.optional(name);
    if (text === undefined) return fallback;
    const value = /^-?\d+$/.test(text) ? Number(text) : NaN;
    if (value >= minimum && value <= maximum) return value;
    const range =
      maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
    this.faults.push(`${name} is "${text}"; it must be a whole number ${range}.`);
    return fallback;
  }

  /** A host name, with a port if need be: it becomes the value of a header. */
  host(name: string): string | undefined {
    const value = this.optional(name);
    if (value !== undefined && !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/i.test(value))
      this.faults.push(`${name} is "${value}"; it must be a host name such as events.example.com.`);
    return value;
  }

  boolean(name: string, fallback: boolean): boolean {
    const text = this.optional(name)?.toLowerCase();
    if (text === undefined) return fallback;
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
    this.faults.push(`${name} is "${text}"; it must be true or false.`);
    return fallback;
  }

  /** `NAME` with a connection string, or `NAME__<suffix>` with an endpoint for the managed identity. */
  connection(
    name: string,
    endpoints: readonly { suffix: string; endpoint: (value: string) => string }[],
  ): Connection {
    const connectionString = this.optional(name);
    if (connectionString !== undefined) return { type: 'connectionString', connectionString };
    for (const { suffix, endpoint } of endpoints) {
      const value = this.optional(`${name}__${suffix}`);
      if (value !== undefined) return { type: 'identity', endpoint: endpoint(value) };
    }
    const names = [name, ...endpoints.map(({ suffix }) => `${name}__${suffix}`)];
    this.faults.push(`One of ${names.join(', ')} must be set.`);
    return { type: 'connectionString', connectionString: '' };
  }
}

const asGiven = (value: string): string => value;

/**
 * Reads the configuration from the environment.
 * @throws Error that names every setting that is missing or wrong, at once
 */
export function readConfig(env: Environment): Config {
  const settings = new Settings(env);
  const config: Config = {
    storage: settings.connection('AzureWebJobsStorage', [
      { suffix: 'blobServiceUri', endpoint: asGiven },
      { suffix: 'accountName', endpoint: (account) => `https://${account}.blob.core.windows.net` },
    ]),
    cosmos: {
      ...settings.connection('Cosmos', [{ suffix: 'accountEndpoint', endpoint: asGiven }]),
      database: settings.text('HEADWATER_COSMOS_DATABASE', 'headwater'),
    },
    eventHubs: {
      ...settings.connection('EventHubs', [{ suffix: 'fullyQualifiedNamespace', endpoint: asGiven }]),
      hub: settings.text('HEADWATER_RECORDS_HUB', 'records'),
    },
    ingress: {
      hub: settings.text('HEADWATER_INGRESS_HUB', 'ingress'),
      consumerGroup: settings.text('HEADWATER_INGRESS_CONSUMER_GROUP', '$Default'),
      readGroup: settings.text('HEADWATER_INGRESS_READ_GROUP', 'gaps'),
      pauseMs: settings.integer('HEADWATER_INGRESS_PAUSE_MS', 30, 0, 1_000),
    },
    signingKey: settings.secret('HEADWATER_SIGNING_KEY', 32),
    limits: {
      batchBytes: settings.integer('HEADWATER_MAX_BATCH_BYTES', 32 * MiB, 1),
      batchRecords: settings.integer('HEADWATER_MAX_BATCH_RECORDS', 50_000, 1),
      batchesInFlight: settings.integer('HEADWATER_MAX_BATCHES_IN_FLIGHT', 1_000, 1),
      ingressLag: settings.integer('HEADWATER_MAX_INGRESS_LAG', 100_000, 1),
      throttled: settings.integer('HEADWATER_MAX_THROTTLED', 200, 1),
      uploadBytes: settings.integer('HEADWATER_MAX_UPLOAD_BYTES', 2 * GiB, 1),
      uploadRecords: settings.integer('HEADWATER_MAX_UPLOAD_RECORDS', 2_000_000, 1),
    },
    uploadGrantMs: settings.integer('HEADWATER_UPLOAD_MINUTES', 60, 1, MAX_GRANT_MINUTES) * 60_000,
    idempotencyLifetimeMs: settings.integer('HEADWATER_IDEMPOTENCY_HOURS', 24, 1) * 3_600_000,
    fanOut: settings.integer('HEADWATER_FAN_OUT', 16, 1),
    groupConcurrency: settings.integer('HEADWATER_GROUP_CONCURRENCY', 8, 1),
    markerTtlSeconds: settings.integer('HEADWATER_MARKER_TTL_DAYS', 30, 1, MAX_TTL_DAYS) * 86_400,
    sweepSchedule: settings.text('HEADWATER_SWEEP_SCHEDULE', '*/10 * * * * *'),
    repairSchedule: settings.text('HEADWATER_REPAIR_SCHEDULE', '30 * * * * *'),
    sweepAfterMs: settings.integer('HEADWATER_SWEEP_AFTER_SECONDS', 30, 0) * 1000,
    purgeSchedule: settings.text('HEADWATER_PURGE_SCHEDULE', '45 * * * * *'),
    purgeAfterMs: settings.integer('HEADWATER_PURGE_AFTER_HOURS', 24, 0, MAX_PURGE_HOURS) * 3_600_000,
    feedPollMs: settings.integer('HEADWATER_FEED_POLL_MS', 200, 10, 60_000),
    egress: {
      encryptionKey: settings.key('HEADWATER_ENCRYPTION_KEY'),
      source: settings.text('HEADWATER_EVENT_SOURCE', 'urn:headwater'),
      allowLocalWebhooks: settings.boolean('HEADWATER_ALLOW_LOCAL_WEBHOOKS', false),
      webhookOrigin: settings.host('HEADWATER_WEBHOOK_ORIGIN'),
      maxSubscriptions: settings.integer('HEADWATER_MAX_SUBSCRIPTIONS', 1_000, 1),
      timeoutMs: settings.integer('HEADWATER_DELIVERY_TIMEOUT_MS', 15_000, 1, 120_000),
      attempts: settings.integer('HEADWATER_DELIVERY_ATTEMPTS', 8, 1, 100),
      firstWaitMs: settings.integer('HEADWATER_DELIVERY_FIRST_WAIT_MS', 15_000, 1, DAY_MS),
      waitFactor: settings.integer('HEADWATER_DELIVERY_WAIT_FACTOR', 4, 1, 100),
      disableAfterMs: settings.integer('HEADWATER_DISABLE_AFTER_SECONDS', 432_000, 1) * 1000,
      attemptTtlSeconds: settings.integer('HEADWATER_ATTEMPT_TTL_DAYS', 30, 1, MAX_TTL_DAYS) * 86_400,
      lanes: settings.integer('HEADWATER_EGRESS_LANES', 2, 1, 64),
      slots: settings.integer('HEADWATER_EGRESS_SLOTS', 128, 1, 10_000),
    },
    nativeManagementPayload: settings.boolean('HEADWATER_NATIVE_MANAGEMENT_PAYLOAD', false),
    createResources: settings.boolean('HEADWATER_CREATE_RESOURCES', true),
  };
  if (settings.faults.length > 0)
    throw new Error(`The configuration is not complete:\n- ${settings.faults.join('\n- ')}`);
  for (const part of Object.values(config)) if (typeof part === 'object') Object.freeze(part);
  return Object.freeze(config);
}
