/** `npm run schemas`: what a change of a data set's schema breaks, before it is deployed. */
import { isAbsolute, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { Api } from './lib/api';
import { APP_DIR } from './lib/app';
import { localKey } from './lib/local-key';
import { KEY_VARIABLE } from './lib/produce/arguments';
import {
  checkSchema,
  exitCodeOf,
  listDatasets,
  listVersions,
  NotChecked,
  readSchemaFile,
} from './lib/schema-check';
import { reportText, versionsText } from './lib/schema-report';

const USAGE = `Usage: npm run schemas -- check DATASET [options]
       npm run schemas -- list [options]

check compares the schema in the working tree with the deployed version and with every version that stored documents
carry, and says which change breaks producers or consumers, and why. It ends with 0 when nothing breaks, with 1 when
something does, with 2 when that could not be checked. list shows the data sets and their versions.

  --file PATH        the schema to check (default: schemas/DATASET.json)
  --against VERSION  compare with this version only
  --to URL           where Headwater is (default: http://127.0.0.1:7071)
  --key K            a function key (default: the environment's ${KEY_VARIABLE}, else that of the local cloud, for an
                     address on this machine)
  --data DIR         the state of the local cloud (default: .headwater)
  --json             print the result as JSON ("npm run -s" prints nothing else)`;

const NOT_CHECKED = 2;

function readOptions(argv: string[]) {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      file: { type: 'string' },
      against: { type: 'string' },
      to: { type: 'string', default: 'http://127.0.0.1:7071' },
      key: { type: 'string' },
      data: { type: 'string', default: '.headwater' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return { ...values, positionals };
}

type Options = ReturnType<typeof readOptions>;

function apiOf({ to, key, data }: Options): Api {
  if (!URL.canParse(to)) throw new NotChecked(`--to must be an address, and is "${to}".`);
  const found = key ?? process.env[KEY_VARIABLE] ?? localKey(to, data);
  if (found === undefined)
    throw new NotChecked(`No key of a local cloud is in ${data} for ${to}: --key names one.`);
  return new Api(to.replace(/\/+$/, ''), found);
}

async function check(options: Options, dataset: string): Promise<number> {
  const path = options.file ?? join(APP_DIR, 'schemas', `${dataset}.json`);
  const result = await checkSchema(apiOf(options), dataset, readSchemaFile(path), options.against);
  const shown = isAbsolute(path) ? relative(process.cwd(), path) : path;
  console.log(options.json ? JSON.stringify(result, null, 2) : reportText(result, shown));
  return exitCodeOf(result);
}

async function list(options: Options): Promise<number> {
  const api = apiOf(options);
  const all = new Map<string, Awaited<ReturnType<typeof listVersions>>>();
  for (const dataset of await listDatasets(api)) all.set(dataset, await listVersions(api, dataset));
  console.log(options.json ? JSON.stringify(Object.fromEntries(all), null, 2) : versionsText(all));
  return 0;
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  const [command, dataset, ...rest] = options.positionals;
  if (command === 'check' && dataset !== undefined && rest.length === 0) return check(options, dataset);
  if (command === 'list' && dataset === undefined) return list(options);
  throw new NotChecked('Say "check" and the data set, or "list".');
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(`${(error as Error).message}\n"npm run schemas -- --help" shows the options.`);
    process.exitCode = NOT_CHECKED;
  },
);
