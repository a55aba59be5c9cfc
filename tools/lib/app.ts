import { createHmac } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startLocalCloud, type Keys, type LocalCloud, type LocalCloudOptions } from '../../local/start';
import { APP_DIR } from './paths';

export { APP_DIR };

/** The log of valid records, and the way of single records into batches; on Azure 4 partitions take about 4 MB/s. */
export const HUBS = { records: { partitions: 4 }, ingress: { partitions: 4, consumerGroups: ['gaps'] } };

/**
 * Starts the local cloud with Headwater in it.
 * @throws when the app is not built, a port is in use, or the state folder belongs to somebody else
 */
export function startHeadwater(
  options: Omit<LocalCloudOptions, 'appDir' | 'hubs'> & { appDir?: string },
): Promise<LocalCloud> {
  const appDir = options.appDir ?? APP_DIR;
  if (!existsSync(join(appDir, 'dist', 'main.js')))
    throw new Error('The app is not built: run "npm run build" first.');
  return startLocalCloud({
    ...options,
    appDir,
    hubs: HUBS,
    settings: (keys) => ({
      ...headwaterSettings(keys),
      ...(typeof options.settings === 'function' ? options.settings(keys) : options.settings),
    }),
  });
}

/** What Headwater needs beside the stores. */
export function headwaterSettings(keys: Keys): Record<string, string> {
  const derived = (purpose: string): string =>
    createHmac('sha256', keys.functions.master).update(purpose).digest('hex');
  return {
    // Made from a secret of this store, so that links stay valid over a restart.
    HEADWATER_SIGNING_KEY: derived('signed links'),
    HEADWATER_ENCRYPTION_KEY: derived('encryption'),
    // Consumers on a laptop listen there, and speak HTTP.
    HEADWATER_ALLOW_LOCAL_WEBHOOKS: 'true',
  };
}

/** Node 24 comes with `npm ci`; with install scripts turned off npm leaves the machine's own. */
export function requireNode24(): void {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= 24) return;
  console.error(
    `Headwater's local cloud needs Node 24, and this is ${process.version}. "npm ci" brings Node 24 along, unless ` +
      'install scripts are turned off (ignore-scripts): turn them on and run "npm ci" again, or use Node 24 yourself.',
  );
  process.exit(1);
}
