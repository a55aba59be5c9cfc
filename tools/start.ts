/** `npm start`: the local cloud with Headwater in it, and a first batch on an empty store. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { disposeOnSignals, type LocalCloud } from '../local/start';
import { Api, type BatchReport } from './lib/api';
import { CONSUMER_PORT } from './lib/subscriptions';
import { APP_DIR, requireNode24, startHeadwater } from './lib/app';
import { table, twoColumns } from './lib/table';

const USAGE = `Usage: npm start -- [options]

  --fresh            throw away what earlier runs stored
  --data DIR         where everything is stored (default: .headwater)
  --port N           port of the API (default: 7071; 0 asks for a free one)
  --store-ports A,B,C  ports of blob, event hubs and cosmos (default: 10000,5672,8081)
  --workers N        processes that run the app (default: 1)
  --no-sample        do not ingest the sample on an empty store`;

const SAMPLE = 'products/products-1000.ndjson';

interface Options {
  readonly fresh: boolean;
  readonly data: string;
  readonly ports: { functions?: number; blob?: number; eventhubs?: number; cosmos?: number };
  readonly workers: number | undefined;
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
    sample: !values['no-sample'],
  };
}

/** Whether no batch was ever accepted. The services' SDKs take half a second to load: only where it must be asked. */
async function isEmpty(cloud: LocalCloud): Promise<boolean> {
  if (cloud.isNew) return true;
  const { Recount } = await import('./lib/recount.js');
  return new Recount(cloud.settings).isEmpty();
}

async function ingestSample(api: Api): Promise<{ report: BatchReport; milliseconds: number }> {
  const started = performance.now();
  const body = readFileSync(join(APP_DIR, 'data', SAMPLE));
  const { batchId } = await api.post('products', body, { idempotencyKey: 'first sample' });
  const report = await api.closed(batchId, { pollMs: 25 });
  return { report, milliseconds: Math.round(performance.now() - started) };
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

function printSample({ report, milliseconds }: { report: BatchReport; milliseconds: number }): void {
  const { accepted, inFlight, ...verdicts } = report.counts;
  const names = Object.entries(verdicts).filter(([, count]) => count > 0);
  console.log(
    `\nA first batch, ${SAMPLE} (synthetic):\n\n` +
      table(
        ['batch', 'status', 'accepted', ...names.map(([name]) => name), 'in flight', 'RU', 'ms'],
        [
          [
            report.batchId,
            report.status,
            String(accepted),
            ...names.map(([, count]) => String(count)),
            String(inFlight),
            report.requestCharge.toFixed(0),
            String(milliseconds),
          ],
        ],
      ),
  );
}

function printExamples(cloud: LocalCloud, batchId: string): void {
  const key = cloud.keys.functions.function;
  const subscription = JSON.stringify({ url: `http://127.0.0.1:${CONSUMER_PORT}/`, datasets: ['products'] });
  console.log(
    `\nPost a batch, then ask for its status (put in the batchId that the first answers):\n\n` +
      `  curl -s -X POST '${cloud.url}/api/datasets/products/batches' -H 'x-functions-key: ${key}' ` +
      `-H 'Content-Type: application/json' --data-binary @data/products/products-mixed.json\n\n` +
      `  curl -s '${cloud.url}/api/batches/${batchId}' -H 'x-functions-key: ${key}'\n\n` +
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
    ...(options.workers === undefined ? {} : { workers: options.workers }),
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (stopping = true));
  disposeOnSignals(cloud);
  const api = new Api(cloud.url, cloud.keys.functions.function);
  printEndpoints(cloud);
  const sample = options.sample && (await isEmpty(cloud)) ? await ingestSample(api) : undefined;
  if (sample) printSample(sample);
  printExamples(cloud, sample?.report.batchId ?? '<batchId>');
}

main().catch((error: unknown) => {
  // What was under way failed because everything is being ended.
  if (stopping) return;
  console.error(`\nHeadwater did not start: ${(error as Error).message}`);
  console.error('"npm start -- --help" shows how to choose ports and the folder of the state.');
  process.exit(1);
});
