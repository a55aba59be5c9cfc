import { join } from 'node:path';
import { readCosmosTrigger } from '../../../local/functions/cosmos-options';
import { readEventHubsSettings, readEventHubTrigger } from '../../../local/functions/event-hub-options';
import { readHostJson } from '../../../local/functions/host-json';

const SETTINGS = {
  Store: 'the store',
  AzureWebJobsPrefixed: 'prefixed',
  Identity__accountEndpoint: 'https://somewhere',
  NAME: 'orders',
  AzureWebJobsStorage: 'the storage',
};

const cosmos = (options: object): ReturnType<typeof readCosmosTrigger> =>
  readCosmosTrigger(
    { type: 'cosmosDBTrigger', connection: 'Store', databaseName: 'db', containerName: 'c', ...options },
    SETTINGS,
  );

const hub = (options: object): ReturnType<typeof readEventHubTrigger> =>
  readEventHubTrigger(
    { type: 'eventHubTrigger', connection: 'Store', eventHubName: 'hub', ...options },
    SETTINGS,
  );

test('the defaults of a Cosmos DB trigger are those of the platform', () => {
  expect(cosmos({})).toEqual({
    monitored: { connectionString: 'the store', database: 'db', container: 'c' },
    leases: {
      connectionString: 'the store',
      database: 'db',
      container: 'leases',
      prefix: '',
      create: false,
      throughput: undefined,
    },
    pollDelayMs: 5_000,
    maxItems: 100,
    mode: 'LatestVersion',
    start: 'now',
  });
});

test('names may hold settings, connections their prefix, and leases a place of their own', () => {
  const { monitored, leases, start } = cosmos({
    connection: 'Prefixed',
    containerName: '%NAME%-v1',
    leaseConnection: 'Store',
    leaseDatabaseName: '%NAME%',
    startFromTime: '2021-02-16T14:19:29Z',
  });
  expect(monitored).toEqual({ connectionString: 'prefixed', database: 'db', container: 'orders-v1' });
  expect(leases).toMatchObject({ connectionString: 'the store', database: 'orders' });
  expect(start).toEqual(new Date('2021-02-16T14:19:29Z'));
});

test.each([
  [{ connection: 'Nowhere' }, 'the setting "Nowhere" with its connection string is missing'],
  [{ connection: undefined }, 'its option connection is missing'],
  [{ connection: 'Identity' }, 'asks for an identity'],
  [{ containerName: '%UNSET%' }, 'the setting "UNSET", which its containerName names, is missing'],
  [{ databaseName: '' }, 'its option databaseName is missing'],
  [{ feedPollDelay: 'soon' }, 'feedPollDelay must be a whole number'],
  [{ maxItemsPerInvocation: -1 }, 'maxItemsPerInvocation must be a whole number'],
  [{ startFromBeginning: 'yes' }, 'startFromBeginning must be true or false'],
  [{ startFromTime: 'yesterday' }, 'is no time'],
  [{ startFromTime: '2021-02-16T14:19:29Z', startFromBeginning: true }, 'only one of'],
  [{ changeFeedMode: 'EveryVersion' }, 'its changeFeedMode "EveryVersion" is neither'],
  [
    { changeFeedMode: 'AllVersionsAndDeletes', startFromBeginning: true },
    'its startFromBeginning is not supported with the changeFeedMode AllVersionsAndDeletes',
  ],
  [
    { changeFeedMode: 'AllVersionsAndDeletes', startFromTime: '2021-02-16T14:19:29Z' },
    'its startFromTime is not supported with the changeFeedMode AllVersionsAndDeletes',
  ],
])('a Cosmos DB trigger with %j is refused', (options, cause) => {
  expect(() => cosmos(options)).toThrow(cause);
});

test('the defaults of an Event Hubs trigger are those of the platform', () => {
  expect(hub({})).toEqual({
    connectionString: 'the store',
    hub: 'hub',
    consumerGroup: '$Default',
    single: true,
    binary: false,
    storage: 'the storage',
  });
});

test('the hub that a connection string names comes first', () => {
  const connection = 'Endpoint=sb://127.0.0.1:5672;SharedAccessKeyName=k;SharedAccessKey=s;EntityPath=other';
  const trigger = { type: 'eventHubTrigger', connection: 'Hub', eventHubName: 'hub', cardinality: 'many' };
  const read = readEventHubTrigger(trigger, { ...SETTINGS, Hub: connection });
  expect(read).toMatchObject({ hub: 'other', single: false });
});

test.each([
  [{ connection: 'Nowhere' }, 'the setting "Nowhere"'],
  [{ eventHubName: undefined }, 'its option eventHubName is missing'],
  [{ cardinality: 'few' }, 'neither one nor many'],
])('an Event Hubs trigger with %j is refused', (options, cause) => {
  expect(() => hub(options)).toThrow(cause);
});

test('an Event Hubs trigger needs a storage for its checkpoints', () => {
  const trigger = { type: 'eventHubTrigger', connection: 'Store', eventHubName: 'hub' };
  expect(() => readEventHubTrigger(trigger, { Store: 'x' })).toThrow('"AzureWebJobsStorage"');
});

describe('extensions.eventHubs of host.json', () => {
  const defaults = {
    maxEventBatchSize: 100,
    minEventBatchSize: 1,
    maxWaitMs: 60_000,
    prefetchCount: 300,
    batchCheckpointFrequency: 1,
    initialOffset: { type: 'fromStart' },
  };

  test('has the defaults of the platform', () => {
    expect(readEventHubsSettings({})).toEqual(defaults);
  });

  test('is read from the app’s file', () => {
    expect(readHostJson(join(__dirname, '../../..')).eventHubs).toMatchObject({
      maxEventBatchSize: 200,
      minEventBatchSize: 100,
      maxWaitMs: 1_000,
      prefetchCount: 200,
    });
  });

  test.each([
    [{ maxWaitTime: '00:00:01' }, { maxWaitMs: 1_000 }],
    [{ maxWaitTime: '00:00:00.25' }, { maxWaitMs: 250 }],
    [{ maxWaitTime: '00:10:00' }, { maxWaitMs: 600_000 }],
    [{ minEventBatchSize: 100 }, { minEventBatchSize: 100 }],
    [
      { maxEventBatchSize: 500, minEventBatchSize: 500 },
      { maxEventBatchSize: 500, minEventBatchSize: 500 },
    ],
  ])('%j is taken', (section, settings) => {
    expect(readEventHubsSettings(section)).toEqual({ ...defaults, ...settings });
  });

  test.each<[object, RegExp]>([
    [{ minEventBatchSize: 0 }, /minEventBatchSize must be a whole number/],
    [{ minEventBatchSize: '5' }, /minEventBatchSize must be a whole number/],
    [{ minEventBatchSize: 101 }, /must not be larger than maxEventBatchSize/],
    [{ maxEventBatchSize: 5, minEventBatchSize: 6 }, /must not be larger than maxEventBatchSize/],
    ...['00:10:01', '01:00:00', '00:00:61', '00:61:00', '1', '00:01', '-00:00:01', '', 5].map(
      (maxWaitTime): [object, RegExp] => [{ maxWaitTime }, /maxWaitTime must be a time span/],
    ),
  ])('%j is refused', (section, cause) => {
    expect(() => readEventHubsSettings(section as Record<string, unknown>)).toThrow(cause);
  });
});
