import { Listeners } from '../../../local/functions/listeners';
import { readHostJson } from '../../../local/functions/host-json';
import type { FunctionMetadata } from '../../../local/functions/protocol';
import { SAMPLE_APP } from '../../support/functions-host';

const SETTINGS = { Store: 'a', Other: 'b', AzureWebJobsStorage: 's' };
const listeners = (): Listeners =>
  new Listeners(() => Promise.reject(new Error('not invoked')), SETTINGS, readHostJson(SAMPLE_APP).eventHubs);

const cosmos = (name: string, options: object = {}): FunctionMetadata => ({
  name,
  bindings: {
    t: { type: 'cosmosDBTrigger', connection: 'Store', databaseName: 'd', containerName: 'c', ...options },
  },
});
const hub = (name: string, options: object = {}): FunctionMetadata => ({
  name,
  bindings: { t: { type: 'eventHubTrigger', connection: 'Store', eventHubName: 'h', ...options } },
});

test.each([
  ['leases', cosmos, { leaseContainerPrefix: 'second-' }],
  ['consumer group', hub, { consumerGroup: 'second' }],
])('two functions with the same %s are refused, since each would get a part', (what, fn, other) => {
  const host = listeners();
  host.add(fn('first'));
  expect(() => host.add(fn('second'))).toThrow(`"first" has the same source and ${what}`);
  expect(() => host.add(fn('third', other))).not.toThrow();
  expect(() => host.add(fn('fourth', { connection: 'Other' }))).not.toThrow();
});
