import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '../../src/config';
import { tableIn } from '../support/markdown';

const REQUIRED = {
  AzureWebJobsStorage: 'storage',
  Cosmos: 'cosmos',
  EventHubs: 'hubs',
  HEADWATER_SIGNING_KEY: 'x'.repeat(32),
  HEADWATER_ENCRYPTION_KEY: 'ab'.repeat(32),
};

const fault = (env: Record<string, string | undefined>): string => {
  try {
    readConfig({ ...REQUIRED, ...env });
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('The configuration was taken.');
};

test('without a setting but the required ones, the defaults hold', () => {
  expect(readConfig(REQUIRED)).toEqual({
    storage: { type: 'connectionString', connectionString: 'storage' },
    cosmos: { type: 'connectionString', connectionString: 'cosmos', database: 'headwater' },
    eventHubs: { type: 'connectionString', connectionString: 'hubs', hub: 'records' },
    ingress: { hub: 'ingress', consumerGroup: '$Default', readGroup: 'gaps', pauseMs: 30 },
    signingKey: 'x'.repeat(32),
    limits: {
      batchBytes: 33_554_432,
      batchRecords: 50_000,
      batchesInFlight: 1_000,
      ingressLag: 100_000,
      throttled: 200,
      uploadBytes: 2_147_483_648,
      uploadRecords: 2_000_000,
    },
    uploadGrantMs: 3_600_000,
    idempotencyLifetimeMs: 86_400_000,
    fanOut: 16,
    groupConcurrency: 8,
    markerTtlSeconds: 2_592_000,
    sweepSchedule: '*/10 * * * * *',
    repairSchedule: '30 * * * * *',
    sweepAfterMs: 30_000,
    purgeSchedule: '45 * * * * *',
    purgeAfterMs: 86_400_000,
    feedPollMs: 200,
    egress: {
      encryptionKey: Buffer.alloc(32, 0xab),
      source: 'urn:headwater',
      allowLocalWebhooks: false,
      maxSubscriptions: 1_000,
      timeoutMs: 15_000,
      attempts: 8,
      firstWaitMs: 15_000,
      waitFactor: 4,
      disableAfterMs: 432_000_000,
      attemptTtlSeconds: 2_592_000,
      lanes: 2,
      slots: 128,
    },
    nativeManagementPayload: false,
    createResources: true,
  });
});

test('an empty setting is an unset one, and blanks around a value mean nothing', () => {
  const config = readConfig({
    ...REQUIRED,
    HEADWATER_FAN_OUT: ' ',
    HEADWATER_RECORDS_HUB: '',
    Cosmos: ' c ',
  });
  expect(config).toMatchObject({
    fanOut: 16,
    eventHubs: { hub: 'records' },
    cosmos: { connectionString: 'c' },
  });
});

test('every fault is named at once', () => {
  const message = fault({
    AzureWebJobsStorage: undefined,
    Cosmos: ' ',
    EventHubs: '',
    HEADWATER_SIGNING_KEY: 'short',
    HEADWATER_FAN_OUT: '0',
    HEADWATER_CREATE_RESOURCES: 'yes',
  });
  expect(message.split('\n')).toEqual([
    'The configuration is not complete:',
    '- One of AzureWebJobsStorage, AzureWebJobsStorage__blobServiceUri, AzureWebJobsStorage__accountName must be set.',
    '- One of Cosmos, Cosmos__accountEndpoint must be set.',
    '- One of EventHubs, EventHubs__fullyQualifiedNamespace must be set.',
    '- HEADWATER_SIGNING_KEY must be set to at least 32 characters.',
    '- HEADWATER_FAN_OUT is "0"; it must be a whole number of at least 1.',
    '- HEADWATER_CREATE_RESOURCES is "yes"; it must be true or false.',
  ]);
});

test('a secret is not part of a message', () => {
  expect(fault({ HEADWATER_SIGNING_KEY: 'hunter2' })).not.toContain('hunter2');
});

test.each(['x', '1.5', '-1', '0', '1e3', '0x10', '9007199254740993', 'Infinity', '１'])(
  'a number cannot be %s',
  (value) => {
    expect(fault({ HEADWATER_MAX_BATCH_RECORDS: value })).toContain(
      `HEADWATER_MAX_BATCH_RECORDS is "${value}"`,
    );
  },
);

test.each(['events.example.com', 'localhost:7071'])('the origin can be %s', (host) => {
  const { egress } = readConfig({ ...REQUIRED, HEADWATER_WEBHOOK_ORIGIN: host });
  expect(egress.webhookOrigin).toBe(host);
});

test.each(['https://example.com', 'a b', 'a\r\nb: c', '*'])('the origin cannot be %j', (host) => {
  expect(fault({ HEADWATER_WEBHOOK_ORIGIN: host })).toContain('must be a host name');
});

test('markers cannot live longer than a TTL can say', () => {
  expect(readConfig({ ...REQUIRED, HEADWATER_MARKER_TTL_DAYS: '24855' }).markerTtlSeconds).toBeLessThan(
    2 ** 31,
  );
  expect(fault({ HEADWATER_MARKER_TTL_DAYS: '24856' })).toContain('from 1 to 24855');
});

test.each([
  ['true', true],
  ['TRUE', true],
  ['1', true],
  ['false', false],
  ['0', false],
])('a switch can be %s', (value, expected) => {
  expect(
    readConfig({ ...REQUIRED, HEADWATER_NATIVE_MANAGEMENT_PAYLOAD: value }).nativeManagementPayload,
  ).toBe(expected);
});

test('endpoints stand for the managed identity, a connection string wins', () => {
  const identity = {
    HEADWATER_SIGNING_KEY: REQUIRED.HEADWATER_SIGNING_KEY,
    AzureWebJobsStorage__accountName: 'account',
    Cosmos__accountEndpoint: 'https://c',
    EventHubs__fullyQualifiedNamespace: 'e.servicebus.windows.net',
    HEADWATER_ENCRYPTION_KEY: REQUIRED.HEADWATER_ENCRYPTION_KEY,
  };
  expect(readConfig(identity)).toMatchObject({
    storage: { type: 'identity', endpoint: 'https://account.blob.core.windows.net' },
    cosmos: { type: 'identity', endpoint: 'https://c' },
    eventHubs: { type: 'identity', endpoint: 'e.servicebus.windows.net' },
  });
  const both = { ...identity, AzureWebJobsStorage__blobServiceUri: 'https://b', Cosmos: 'string' };
  expect(readConfig(both)).toMatchObject({
    storage: { type: 'identity', endpoint: 'https://b' },
    cosmos: { type: 'connectionString', connectionString: 'string' },
  });
});

test('is frozen, through and through', () => {
  const config = readConfig(REQUIRED);
  for (const part of [config, config.limits, config.storage, config.cosmos, config.eventHubs])
    expect(Object.isFrozen(part)).toBe(true);
});

describe('docs/configuration.md', () => {
  const rows = tableIn(readFileSync(join(__dirname, '../../docs/configuration.md'), 'utf8'), 'Setting');
  const documented = new Map(rows.map(({ Setting = '', Default = '' }) => [Setting, Default]));
  const withoutBackticks = (text: string): string => text.replaceAll('`', '');

  /** Every setting that is looked at while the configuration is read, whatever is set. */
  function settingsRead(): Set<string> {
    const names = new Set<string>();
    const spy = (given: Record<string, string>): Record<string, string> =>
      new Proxy(given, {
        get: (target, name) => {
          names.add(String(name));
          return target[String(name)];
        },
      });
    readConfig(spy(REQUIRED));
    expect(() => readConfig(spy({}))).toThrow('The configuration is not complete');
    return names;
  }

  test('names the settings that are read, and no other', () => {
    expect(new Set(Array.from(documented.keys(), withoutBackticks))).toEqual(settingsRead());
    expect(documented.size).toBe(rows.length);
  });

  test('has the defaults that hold: setting them changes nothing', () => {
    const defaults = rows.flatMap(({ Setting = '', Default = '' }) =>
      Default.startsWith('`') ? [[withoutBackticks(Setting), withoutBackticks(Default)]] : [],
    );
    expect(defaults.length).toBe([...settingsRead()].filter(hasDefault).length);
    expect(readConfig({ ...REQUIRED, ...Object.fromEntries(defaults) })).toEqual(readConfig(REQUIRED));
  });

  test('the defaults are told apart from other values', () => {
    // Else the test above could pass though a setting is not read where its default is compared.
    for (const { Setting = '', Default = '' } of rows) {
      const name = withoutBackticks(Setting);
      if (!hasDefault(name)) continue;
      const value = withoutBackticks(Default);
      const other =
        value === 'true'
          ? 'false'
          : value === 'false'
            ? 'true'
            : /^\d+$/.test(value)
              ? String(Number(value) + 1)
              : `${value}x`;
      expect(readConfig({ ...REQUIRED, [name]: other })).not.toEqual(readConfig(REQUIRED));
    }
  });

  function hasDefault(name: string): boolean {
    return !(name in REQUIRED || name.includes('__') || name === 'HEADWATER_WEBHOOK_ORIGIN');
  }
});
