/** `npm start`: the local cloud with Headwater in it, and a first batch of each data set on an empty store. */
import { parseArgs } from 'node:util';
import { disposeOnSignals, type LocalCloud } from '../local/start';
import { Api, type BatchReport } from './lib/api';
import { CONSUMER_PORT } from './lib/subscriptions';
import { requireNode24, startHeadwater } from './lib/app';
import { postedBody, readManifest, type ManifestFile } from './lib/manifest';
import { table, twoColumns } from './lib/table';

const USAGE = `Usage: npm start -- [options]

  --fresh            throw away what earlier runs stored
  --data DIR         where everything is stored (default: .headwater)
  --port N           port of the API (default: 7071; 0 asks for a free one)
  --store-ports A,B,C  ports of blob, event hubs and cosmos (default: 10000,5672,8081)
  --workers N        processes that run the app (default: 1)
  --flex             own processes for HTTP functions, durable ones, and others, as on the plan Flex Consumption
  --no-sample        do not ingest the samples on an empty store`;

interface Options {
  readonly fresh: boolean;
  readonly data: string;
  readonly ports: { functions?: number; blob?: number; eventhubs?: number; cosmos?: number };
  readonly workers: number | undefined;
  readonly flex: boolean;
  readonly sample: boolean;
}

function whole(text: string, name: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`--${name} must be a whole number, and is "${text}".`);
}

function readOptions(argv: string[]): Options {
  const { values } = parseArgs({
    args: argv,
    options: {
      fresh: { type: 'boolean', default: false },
      data: { type: 'string', default: '.headwater' },
      port: { type: 'string' },
      'store-ports': { type: 'string' },
      workers: { type: 'string' },
      flex: { type: 'boolean', default: false },
      'no-sample': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const stores = values['store-ports']?.split(',').map((text) => whole(text, 'store-ports'));
  if (stores && stores.length !== 3)
    throw new Error('--store-ports takes three ports: blob,event hubs,cosmos.');
  const [blob, eventhubs, cosmos] = stores ?? [];
  return {
    fresh: values.fresh,
    data: values.data,
    ports: {
      ...(values.port === undefined ? {} : { functions: whole(values.port, 'port') }),
      ...(stores ? { blob: blob ?? 0, eventhubs: eventhubs ?? 0, cosmos: cosmos ?? 0 } : {}),
    },
    workers: values.workers === undefined ? undefined : whole(values.workers, 'workers'),
    flex: values.flex,
    sample: !values['no-sample'],
  };
}

/** Whether no batch was ever accepted. The services' SDKs take half a second to load: only where it must be asked. */
async function isEmpty(cloud: LocalCloud): Promise<boolean> {
  if (cloud.isNew) return true;
  const { Recount } = await import('./lib/recount.js');
  return new Recount(cloud.settings).isEmpty();
}

interface Ingested {
  readonly file: ManifestFile;
  readonly report: BatchReport;
  readonly milliseconds: number;
}

/** The first file of each data set. */
async function ingestSamples(api: Api, files: readonly ManifestFile[]): Promise<Ingested[]> {
  const ingested: Ingested[] = [];
  for (const file of firstOfEach(files)) {
    const body = postedBody(file);
    const started = performance.now();
    const { batchId } = await api.post(file.dataSet, body, {
      ...file,
      idempotencyKey: `first sample of ${file.dataSet}`,
    });
    const report = await api.closed(batchId, { pollMs: 25 });
    ingested.push({ file, report, milliseconds: Math.round(performance.now() - started) });
  }
  return ingested;
}

function firstOfEach(files: readonly ManifestFile[]): ManifestFile[] {
  return [...Map.groupBy(files, ({ dataSet }) => dataSet).values()].flatMap(([first]) => first ?? []);
}

function printEndpoints(cloud: LocalCloud): void {
  console.log(
    `\nHeadwater runs. State: ${cloud.stateDir}\n\n` +
      twoColumns([
        ['API', `${cloud.url}/api`],
        ['function key', cloud.keys.functions.function],
        ['Blob', `http://127.0.0.1:${cloud.ports.blob}/${cloud.keys.blob.account}`],
        ['Event Hubs', `127.0.0.1:${cloud.ports.eventhubs} (AMQP, hub "records")`],
        ['Cosmos DB', `http://127.0.0.1:${cloud.ports.cosmos} (database "headwater")`],
      ]),
  );
}

const SHOWN = ['accepted', 'upserted', 'stale', 'quarantined', 'inFlight'] as const;

function printSamples(ingested: readonly Ingested[]): void {
  console.log(
    '\nA first batch of each data set (data/README.md says what is in them):\n\n' +
      table(
        ['batch', 'status', ...SHOWN, 'RU', 'ms'],
        ingested.map(({ file, report, milliseconds }) => [
          file.path,
          report.status,
          ...SHOWN.map((name) => String(report.counts[name])),
          report.requestCharge.toFixed(0),
          String(milliseconds),
        ]),
      ),
  );
}

/** A file of each data set that is posted as it lies there; one with bad records in it, where there is one. */
function filesToPost(files: readonly ManifestFile[]): ManifestFile[] {
  const plain = files.filter(({ images }) => images === undefined);
  return [...Map.groupBy(plain, ({ dataSet }) => dataSet).values()].map(
    (own) => own.find(({ bad }) => bad.length > 0) ?? (own[0] as ManifestFile),
  );
}

function curl(cloud: LocalCloud, { dataSet, path, contentType, contentEncoding }: ManifestFile): string {
  const encoding = contentEncoding === undefined ? '' : `-H 'Content-Encoding: ${contentEncoding}' `;
  return (
    `  curl -s -X POST '${cloud.url}/api/datasets/${dataSet}/batches' ` +
    `-H 'x-functions-key: ${cloud.keys.functions.function}' -H 'Content-Type: ${contentType}' ${encoding}` +
    `--data-binary @data/${path}\n\n`
  );
}

function printExamples(cloud: LocalCloud, files: readonly ManifestFile[], batchId: string): void {
  const key = cloud.keys.functions.function;
  const subscription = JSON.stringify({ url: `http://127.0.0.1:${CONSUMER_PORT}/`, datasets: ['products'] });
  const [first, ...others] = filesToPost(files).map((file) => curl(cloud, file));
  console.log(
    `\nPost a batch, then ask for its status (put in the batchId that the first answers):\n\n${first}` +
      `  curl -s '${cloud.url}/api/batches/${batchId}' -H 'x-functions-key: ${key}'\n\n` +
      `Batches of the other data sets, as NDJSON with images, as CSV and compressed:\n\n${others.join('')}` +
      `Subscribe a consumer, which "npm run consumer" starts at port ${CONSUMER_PORT}, to every change from now on. Consumers\n` +
      `may speak plain HTTP and have a private address because this cloud is local:\n\n` +
      `  curl -s -X POST '${cloud.url}/api/subscriptions' -H 'x-functions-key: ${key}' ` +
      `-H 'Content-Type: application/json' -d '${subscription}'\n\nCtrl-C ends everything.`,
  );
}

let stopping = false;

async function main(): Promise<void> {
  requireNode24();
  const options = readOptions(process.argv.slice(2));
  const cloud = await startHeadwater({
    stateDir: options.data,
    fresh: options.fresh,
    ports: options.ports,
    scaleGroups: options.flex,
    ...(options.workers === undefined ? {} : { workers: options.workers }),
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (stopping = true));
  disposeOnSignals(cloud);
  const api = new Api(cloud.url, cloud.keys.functions.function);
  printEndpoints(cloud);
  const { files } = readManifest();
  const ingested = options.sample && (await isEmpty(cloud)) ? await ingestSamples(api, files) : [];
  if (ingested.length > 0) printSamples(ingested);
  printExamples(cloud, files, ingested[0]?.report.batchId ?? '<batchId>');
}

main().catch((error: unknown) => {
  // What was under way failed because everything is being ended.
  if (stopping) return;
  console.error(`\nHeadwater did not start: ${(error as Error).message}`);
  console.error('"npm start -- --help" shows how to choose ports and the folder of the state.');
  process.exit(1);
});
