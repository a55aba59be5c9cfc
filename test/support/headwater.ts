import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CosmosClient, type Container } from '@azure/cosmos';
import type { LocalCloud } from '../../local/start';
import { Api } from '../../tools/lib/api';
import { APP_DIR, startHeadwater } from '../../tools/lib/app';
import { Recount } from '../../tools/lib/recount';

export const ROOT = APP_DIR;

/** A data set that is one file more: slashes in keys, no event time, a media field. */
export const THINGS_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Thing',
  'x-headwater': {
    version: 3,
    key: '/path',
    deletion: { pointer: '/gone', equals: true },
    media: [{ pointer: '/picture', contentType: 'image/png' }],
  },
  type: 'object',
  properties: {
    path: { type: 'string' },
    size: { type: 'integer' },
    gone: { type: 'boolean' },
    picture: { type: 'string' },
    note: { type: 'string' },
  },
  required: ['path'],
  additionalProperties: false,
};

const FREE_PORTS = { blob: 0, eventhubs: 0, cosmos: 0, functions: 0 };

/** Sweeps every second, so that tests need not wait. */
export const TEST_SETTINGS = {
  HEADWATER_SWEEP_SCHEDULE: '* * * * * *',
  HEADWATER_REPAIR_SCHEDULE: '* * * * * *',
  HEADWATER_SWEEP_AFTER_SECONDS: '1',
};

export interface Headwater {
  readonly cloud: LocalCloud;
  readonly api: Api;
  readonly recount: Recount;
  readonly folder: string;
  dispose(): Promise<void>;
}

export interface HeadwaterOptions {
  readonly settings?: Record<string, string>;
  readonly environment?: Record<string, string>;
  readonly workers?: number;
  readonly workerRequire?: readonly string[];
  /** Further data sets: the text of their files, by name. */
  readonly schemas?: Readonly<Record<string, string>>;
  /** Starts again on what an earlier run left in this folder. */
  readonly folder?: string;
}

/** A copy of the built app, with `things` and others as further data sets. */
export function copyApp(folder: string, schemas: Readonly<Record<string, string>> = {}): string {
  const app = join(folder, 'app');
  for (const part of ['dist', 'schemas', 'package.json', 'host.json']) {
    cpSync(join(ROOT, part), join(app, part), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(app, 'node_modules'));
  const added = { things: JSON.stringify(THINGS_SCHEMA), ...schemas };
  for (const [name, text] of Object.entries(added)) writeFileSync(join(app, 'schemas', `${name}.json`), text);
  return app;
}

/** Starts Headwater on free ports in a temporary folder. */
export async function headwater(options: HeadwaterOptions = {}): Promise<Headwater> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'headwater-test-'));
  const appDir = options.folder ? join(folder, 'app') : copyApp(folder, options.schemas);
  const cloud = await startHeadwater({
    appDir,
    stateDir: join(folder, 'state'),
    ports: FREE_PORTS,
    settings: {
      ...TEST_SETTINGS,
      ...options.settings,
    },
    ...(options.environment ? { environment: options.environment } : {}),
    ...(options.workers === undefined ? {} : { workers: options.workers }),
    ...(options.workerRequire ? { workerRequire: options.workerRequire } : {}),
  });
  return {
    cloud,
    folder,
    api: new Api(cloud.url, cloud.keys.functions.function),
    recount: new Recount(cloud.settings),
    async dispose() {
      await cloud.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Subscribes, and moves the beginning of the subscription back by ten minutes: the ledger says nothing of changes that were
 * made right after one began.
 */
export async function subscribeSince(hw: Headwater, members: object): Promise<string> {
  const created = await hw.api.request('/api/subscriptions', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(members),
  });
  if (!created.ok) throw new Error(`Not subscribed: ${created.status} ${await created.text()}`);
  const { id } = (await created.json()) as { id: string };
  const subscriptions = cosmosContainer(hw, 'subscriptions');
  const from = Math.floor(Date.now() / 1000) - 600;
  await subscriptions.item(id, id).patch([{ op: 'set', path: '/terms/0/from', value: from }]);
  return id;
}

/** A container of the app's database, past the app. */
export function cosmosContainer(hw: Headwater, name: string): Container {
  return new CosmosClient(hw.cloud.settings['Cosmos'] ?? '').database('headwater').container(name);
}
