/** `npm run consumer`: a receiver of changes on this machine that shows what it is told, and misbehaves on demand. */
import { parseArgs } from 'node:util';
import { Api, ApiError } from './lib/api';
import { requireNode24 } from './lib/app';
import { Consumer, type ConsumerOptions } from './lib/consumer';
import { line, summary } from './lib/consumer-lines';
import { CONSUMER_PORT, newSecret, Subscriptions, type SubscriptionSettings } from './lib/subscriptions';

const USAGE = `Usage: npm run consumer -- [options]

  --port N          where it listens on loopback (default: ${CONSUMER_PORT}; 0 asks for a free one)
  --fail SHARE      answer 400 to so many of the changes, 0 to 1 (default: 0)
  --seed N          which ones they are (default: 1)
  --slow MS         wait before each answer (default: 0)
  --secret whsec_…  verify signatures with this secret

or let it subscribe itself, with a secret of its own, until it ends:
  --subscribe URL   where Headwater is, such as http://127.0.0.1:7071
  --key K           a function key
  --datasets A,B    the data sets (default: products)
  --filter JSON     only documents that match`;

interface Options {
  readonly port: number;
  readonly consumer: ConsumerOptions;
  readonly subscribe?: { readonly api: Api; readonly settings: Omit<SubscriptionSettings, 'url'> };
}

function numberOf(text: string, name: string, most: number): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= most) return value;
  throw new Error(`--${name} must be a number from 0 to ${most}, and is "${text}".`);
}

function wholeOf(text: string, name: string, most: number): number {
  const value = numberOf(text, name, most);
  if (Number.isInteger(value)) return value;
  throw new Error(`--${name} must be a whole number, and is "${text}".`);
}

function filterOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`--filter must be JSON, such as '{"status":"active"}', and is ${text}`);
  }
}

function readOptions(argv: string[]): Options {
  const { values } = parseArgs({
    args: argv,
    options: {
      port: { type: 'string', default: String(CONSUMER_PORT) },
      fail: { type: 'string', default: '0' },
      seed: { type: 'string', default: '1' },
      slow: { type: 'string', default: '0' },
      secret: { type: 'string' },
      subscribe: { type: 'string' },
      key: { type: 'string' },
      datasets: { type: 'string', default: 'products' },
      filter: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const { subscribe, key, filter } = values;
  if (subscribe !== undefined && key === undefined) throw new Error('--subscribe needs --key.');
  const secret = values.secret ?? (subscribe === undefined ? undefined : newSecret());
  return {
    port: wholeOf(values.port, 'port', 65_535),
    consumer: {
      fail: numberOf(values.fail, 'fail', 1),
      seed: wholeOf(values.seed, 'seed', 2 ** 32 - 1),
      slow: numberOf(values.slow, 'slow', 600_000),
      ...(secret === undefined ? {} : { secret }),
    },
    ...(subscribe === undefined || secret === undefined
      ? {}
      : {
          subscribe: {
            api: new Api(subscribe.replace(/\/+$/, ''), key ?? ''),
            settings: {
              datasets: values.datasets.split(',').map((name) => name.trim()),
              secret,
              ...(filter === undefined ? {} : { filter: filterOf(filter) }),
            },
          },
        }),
  };
}

async function subscribe(url: string, { api, settings }: NonNullable<Options['subscribe']>): Promise<string> {
  const { id, status, reason } = await new Subscriptions(api)
    .create({ ...settings, url })
    .catch((error: unknown) => {
      if (error instanceof ApiError) throw error;
      throw new Error(`${api.url} does not answer: ${String((error as Error).cause ?? error)}`, {
        cause: error,
      });
    });
  console.log(`Subscription ${id} is ${status}${reason === undefined ? '' : `: ${reason}`}.`);
  return id;
}

async function main(): Promise<void> {
  requireNode24();
  const options = readOptions(process.argv.slice(2));
  const consumer = new Consumer({ ...options.consumer, onEntry: (entry) => console.log(line(entry)) });
  await consumer.start(options.port);
  console.log(`Listening at ${consumer.url}; Ctrl-C ends it.`);
  if (options.consumer.secret === undefined)
    console.log('Signatures are not verified: there is no --secret, and no --subscribe.');
  const id = options.subscribe && (await subscribe(consumer.url, options.subscribe));
  const end = async (): Promise<void> => {
    await consumer.close();
    console.log(`\n${summary(consumer)}`);
    if (options.subscribe && id !== undefined) {
      await new Subscriptions(options.subscribe.api).remove(id).then(
        () => console.log(`Subscription ${id} is deleted.`),
        (error: unknown) => console.error(`Subscription ${id} is still there: ${(error as Error).message}`),
      );
    }
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end());
}

main().catch((error: unknown) => {
  console.error(`${(error as Error).message}\n"npm run consumer -- --help" shows the options.`);
  process.exit(1);
});
