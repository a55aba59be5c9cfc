import { runAsChild } from '../shared/child';
import { filesFromEnvironment } from '../shared/files';
import { type EventHubsOptions, startEventHubs } from './server';

runAsChild('eventhubs', (options: EventHubsOptions) =>
  startEventHubs({ ...options, files: filesFromEnvironment() }),
);
