import type { Connection } from './clients/connection';

/** The app's configuration: read once, checked, frozen. Names of settings stand in `docs/configuration.md`. */
export interface Config {
  readonly storage: Connection;
  readonly cosmos: Connection & { readonly database: string };
  readonly eventHubs: Connection & { readonly hub: string };
  /** Secret of signed links. */
  readonly signingKey: string;
  readonly limits: {
    /** bytes of a batch's decoded body */
    readonly batchBytes: number;
    readonly batchRecords: number;
    /** batches accepted but not closed */
    readonly batchesInFlight: number;
  };
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
  /** Age after which an accepted batch counts as left behind, ms. */
  readonly sweepAfterMs: number;
  /** The answer to a posted batch is the platform's own management payload, with the system key in its links. */
  readonly nativeManagementPayload: boolean;
  /** Create missing databases and containers; off where the identity may not. */
  readonly createResources: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const MiB = 1024 * 1024;

/** A TTL is a signed 32-bit number of seconds (https://learn.microsoft.com/azure/cosmos-db/nosql/time-to-live). */
const MAX_TTL_DAYS = Math.floor((2 ** 31 - 1) / 86_400);

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
    signingKey: settings.secret('HEADWATER_SIGNING_KEY', 32),
    limits: {
      batchBytes: settings.integer('HEADWATER_MAX_BATCH_BYTES', 32 * MiB, 1),
      batchRecords: settings.integer('HEADWATER_MAX_BATCH_RECORDS', 50_000, 1),
      batchesInFlight: settings.integer('HEADWATER_MAX_BATCHES_IN_FLIGHT', 1_000, 1),
    },
    idempotencyLifetimeMs: settings.integer('HEADWATER_IDEMPOTENCY_HOURS', 24, 1) * 3_600_000,
    fanOut: settings.integer('HEADWATER_FAN_OUT', 16, 1),
    groupConcurrency: settings.integer('HEADWATER_GROUP_CONCURRENCY', 8, 1),
    markerTtlSeconds: settings.integer('HEADWATER_MARKER_TTL_DAYS', 30, 1, MAX_TTL_DAYS) * 86_400,
    sweepSchedule: settings.text('HEADWATER_SWEEP_SCHEDULE', '*/10 * * * * *'),
    sweepAfterMs: settings.integer('HEADWATER_SWEEP_AFTER_SECONDS', 30, 0) * 1000,
    nativeManagementPayload: settings.boolean('HEADWATER_NATIVE_MANAGEMENT_PAYLOAD', false),
    createResources: settings.boolean('HEADWATER_CREATE_RESOURCES', true),
  };
  if (settings.faults.length > 0)
    throw new Error(`The configuration is not complete:\n- ${settings.faults.join('\n- ')}`);
  for (const part of Object.values(config)) if (typeof part === 'object') Object.freeze(part);
  return Object.freeze(config);
}
