import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { startLocalCloud, type LocalCloud } from '../../local/start';
import { startFunctionsHost, type FunctionsHost, type FunctionsHostOptions } from '../../local/functions';

export const SAMPLE_APP = resolve(__dirname, 'sample-app');
export const KEYS = { master: 'master-key', function: 'function-key', system: 'system-key' };

/** Settings under which the sample app is quiet. */
export const SAMPLE_SETTINGS = { YEARLY: '0 0 0 1 1 *', 'AzureWebJobs.switchedOff.Disabled': 'true' };

const folders: string[] = [];

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-test-'));
  folders.push(folder);
  return folder;
}

export function removeTemporaryFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** A copy of the sample app that a test may change, with its own host.json. */
export function copySampleApp(hostJson: Record<string, unknown> = {}): string {
  const appDir = temporaryFolder();
  cpSync(SAMPLE_APP, appDir, { recursive: true });
  writeFileSync(join(appDir, 'host.json'), JSON.stringify({ version: '2.0', ...hostJson }));
  symlinkSync(resolve(__dirname, '../../node_modules'), join(appDir, 'node_modules'));
  return appDir;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A host of the sample app on a free port, with state of its own. */
export async function startSampleHost(
  options: Partial<FunctionsHostOptions> = {},
): Promise<FunctionsHost & { url: string; dataDir: string }> {
  const dataDir = options.dataDir ?? temporaryFolder();
  const host = await startFunctionsHost({
    appDir: SAMPLE_APP,
    port: 0,
    keys: KEYS,
    workers: 1,
    ...options,
    dataDir,
    environment: { ...SAMPLE_SETTINGS, ...options.environment },
  });
  return Object.assign(host, { url: `http://127.0.0.1:${host.port}`, dataDir });
}

/** Starts the sample app with all stores beside it, on free ports and an empty store. */
export function startSampleCloud(): Promise<LocalCloud> {
  return startLocalCloud({
    appDir: SAMPLE_APP,
    stateDir: temporaryFolder(),
    ports: { blob: 0, eventhubs: 0, cosmos: 0, functions: 0 },
    settings: SAMPLE_SETTINGS,
    hubs: { records: { partitions: 2 } },
  });
}
