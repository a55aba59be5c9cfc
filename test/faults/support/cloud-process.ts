/**
 * A Headwater in a process of its own, so that a test can pull the plug on all of it, supervisor included.
 * Arguments: folder (with `app` in it), JSON of environment. Prints one line of JSON when it serves.
 */
import { join } from 'node:path';
import { startHeadwater } from '../../../tools/lib/app';
import { TEST_SETTINGS } from '../../support/headwater';
import { DELIVERY_SETTINGS } from './subscribers';

async function main(): Promise<void> {
  const [folder = '', environment = '{}', workers = '1', workerRequire] = process.argv.slice(2);
  const cloud = await startHeadwater({
    appDir: join(folder, 'app'),
    stateDir: join(folder, 'state'),
    ports: { blob: 0, eventhubs: 0, cosmos: 0, functions: 0 },
    settings: { ...TEST_SETTINGS, ...DELIVERY_SETTINGS },
    environment: JSON.parse(environment) as Record<string, string>,
    workers: Number(workers),
    ...(workerRequire ? { workerRequire: [workerRequire] } : {}),
  });
  process.stdout.write(
    `${JSON.stringify({ url: cloud.url, settings: cloud.settings, keys: cloud.keys.functions })}\n`,
  );
  process.on('message', (message: { kill: 'blob' | 'eventhubs' | 'cosmos' | 'functions' }) =>
    cloud.kill(message.kill, 'SIGKILL'),
  );
  process.on('disconnect', () => void cloud.dispose().then(() => process.exit(0)));
}

main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).stack ?? String(error)}\n`);
  process.exit(1);
});
