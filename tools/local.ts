/** `npm run local`: services of the local cloud, alone or together, with an app of one's own. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startLocalCloud } from '../local/start';
import { APP_DIR, headwaterSettings, HUBS, requireNode24 } from './lib/app';
import { DEFAULT_HUBS, LOCAL_USAGE, readLocalArguments, type LocalArguments } from './lib/local/arguments';

/** As the Core Tools have it: https://learn.microsoft.com/azure/azure-functions/functions-app-settings#azure_functions_environment */
const DEVELOPMENT = { AZURE_FUNCTIONS_ENVIRONMENT: 'Development' };
const BAD_ARGUMENTS = 2;
const PARENT_POLL_MS = 250;

async function main(): Promise<void> {
  requireNode24();
  const command = readLocalArguments(process.argv.slice(2));
  if (command.kind === 'help') console.log(LOCAL_USAGE);
  else if (command.kind === 'fault') refuse(command.message);
  else if (command.options.app !== undefined && !existsSync(join(command.options.app, 'package.json')))
    refuse(`--app ${command.options.app}: there is no package.json in this folder.`);
  else await run(command.options);
}

function refuse(message: string): void {
  console.error(`${message}\n"npm run local -- --help" shows the options.`);
  process.exitCode = BAD_ARGUMENTS;
}

/** npm hands SIGTERM to the shell between it and this process, which ends without a word. */
function endWithNpm(): void {
  if (process.env['npm_lifecycle_event'] !== 'local') return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, PARENT_POLL_MS);
  timer.unref();
}

async function run({ services, ports, data, app, noKeys, hubs }: LocalArguments): Promise<void> {
  const functions = services.includes('functions');
  const headwater = functions && app === undefined;
  endWithNpm();
  const cloud = await startLocalCloud({
    stateDir: data,
    ports,
    stores: services.filter((name) => name !== 'functions'),
    hubs: hubs ?? (headwater ? HUBS : DEFAULT_HUBS),
    noKeys,
    ...(functions ? { appDir: app ?? APP_DIR } : {}),
    settings: (keys) => ({ ...DEVELOPMENT, ...(headwater ? headwaterSettings(keys) : {}) }),
    appSettingsFirst: true,
    output: 'stderr',
    endOnSignals: true,
    onReady: (name, endpoint) => console.log(`READY ${name} ${endpoint}`),
  });
  console.error(`Keys and data are in ${cloud.stateDir}. Ctrl-C ends everything.`);
}

main().catch((error: unknown) => {
  console.error((error as Error).message);
  process.exit(1);
});
