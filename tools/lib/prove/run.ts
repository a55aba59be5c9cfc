import { mkdirSync, mkdtempSync, readFileSync, rmSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LocalCloud } from '../../../local/start';
import { Api } from '../api';
import { APP_DIR, startHeadwater } from '../app';
import { QUICK_RETRIES } from '../demo-consumers';
import { readLog } from '../load/log';
import type { LoadResult, Second } from '../load/options';
import { productRecords } from '../load/records';
import { generateLoad } from '../load/run';
import { BUILT_LIB } from '../paths';
import { Subscriptions } from '../subscriptions';
import type { ProveOptions } from './arguments';
import { startChaos, type Kill } from './chaos';
import { check, type Checked } from './check';
import { readTaken, startConsumers, type Consumers } from './consumers';
import { CpuMeter } from './cpu';
import { drain, type Drain } from './drain';
import { FootprintMeter, type Footprint } from './footprint';
import type { Accepted, Facts } from './facts';
import { DONE_FILES, MIDDLE_FILE, SABOTAGE_FOLDER_VARIABLE, SABOTAGE_VARIABLE, TAIL_FILE } from './sabotages';
import { Stores } from './stores';
import { timesOf, type Times } from './times';

const DATASET = 'products';
/** How many requests the second subscriber refuses. */
export const REFUSED_SHARE = 0.4;
const NAMES = ['healthy', 'refuses 40 %'] as const;
/** A subscription is owed what is written after it, by a clock of whole seconds. */
const SETTLE_MS = 2_000;
/** A record that is refused over and over has so long, after the last was due. */
const GRACE_MS = 120_000;

export interface Proof {
  readonly options: ProveOptions;
  readonly load: LoadResult;
  readonly kills: readonly Kill[];
  readonly drain: Drain;
  readonly checked: Checked;
  readonly times: Times;
  /** RU of landing, by the batches' own account. */
  readonly requestUnits: number;
  /** Seconds of processor time by process, from the beginning of the load to the end of the drain. */
  readonly cpuSeconds: Readonly<Record<string, number>>;
  /** Memory and disk while the load ran. */
  readonly footprints: readonly Footprint[];
  readonly batches: number;
  readonly documents: number;
  readonly versions: number;
  /** Requests that the subscribers refused. */
  readonly refusedDeliveries: number;
  /** What was lost on purpose: of each loss the keys or ids, of which one has to be found. */
  readonly sabotaged: readonly (readonly string[])[];
}

export interface Watcher {
  tell(text: string): void;
  second(second: Second): void;
}

/** Runs the load on a cloud of its own, waits until all is done, and holds everything against everything. */
export async function prove(options: ProveOptions, watcher: Watcher): Promise<Proof> {
  mkdirSync(join(APP_DIR, '.headwater'), { recursive: true });
  const folder = mkdtempSync(join(APP_DIR, '.headwater', 'prove-'));
  const consumers = await startConsumers(
    NAMES.map((_, at) => ({
      file: consumerFile(folder, at),
      fail: at === 0 ? 0 : REFUSED_SHARE,
      seed: options.seed + at,
    })),
  );
  try {
    const cloud = await startCloud(options, folder);
    try {
      return await new Run(options, watcher, folder, cloud, consumers).execute();
    } finally {
      await cloud.dispose();
    }
  } finally {
    await consumers.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

const consumerFile = (folder: string, at: number): string => join(folder, `consumer-${at}.log`);

function startCloud({ sabotage }: ProveOptions, folder: string): Promise<LocalCloud> {
  const environment =
    sabotage === undefined
      ? {}
      : {
          workerRequire: [join(BUILT_LIB, 'prove', 'sabotage.js')],
          environment: { [SABOTAGE_VARIABLE]: sabotage, [SABOTAGE_FOLDER_VARIABLE]: folder },
        };
  return startHeadwater({
    stateDir: join(folder, 'state'),
    ports: { blob: 0, eventhubs: 0, cosmos: 0, functions: 0 },
    settings: QUICK_RETRIES,
    scaleGroups: true,
    ...environment,
  });
}

class Run {
  private readonly api: Api;
  private readonly stores: Stores;
  private readonly log: string;

  constructor(
    private readonly options: ProveOptions,
    private readonly watcher: Watcher,
    private readonly folder: string,
    private readonly cloud: LocalCloud,
    private readonly consumers: Consumers,
  ) {
    this.api = new Api(cloud.url, cloud.keys.functions.function);
    this.stores = new Stores(cloud.settings);
    this.log = join(folder, 'load.log');
  }

  async execute(): Promise<Proof> {
    const { watcher, consumers } = this;
    const subscriptions = await this.subscribe();
    await delay(SETTLE_MS);
    const cpu = new CpuMeter(() => [...this.cloud.children, { name: 'subscribers', pid: consumers.pid }]);
    const { duration, warmUp } = this.options;
    const footprint = new FootprintMeter(
      () => this.cloud.children,
      this.cloud.stateDir,
      (duration + warmUp) * 1_000,
    );
    const { load, kills } = await this.load();
    const footprints = await footprint.stop();
    watcher.tell(`${load.accepted} records accepted; waiting until they are landed and delivered`);
    const drained = await drain({
      progress: () => this.stores.progress(),
      versions: () => this.stores.versions(),
      consumers: () => consumers.states(),
      ledger: () => this.api.ledger(),
      tell: (text) => watcher.tell(text),
    });
    const cpuSeconds = cpu.stop();
    const refusedDeliveries = (await consumers.states()).reduce((sum, { refused }) => sum + refused, 0);
    await consumers.close();
    watcher.tell('checking every record');
    const { facts, header } = await this.facts(subscriptions);
    const checked = check(facts);
    const times = timesOf({
      ...facts,
      ...checked,
      dueOf: (index) => header.begin + (index * 1_000) / header.rate,
    });
    return {
      options: this.options,
      load,
      kills,
      drain: drained,
      checked,
      times,
      cpuSeconds,
      footprints,
      refusedDeliveries,
      requestUnits: facts.batches.reduce((sum, { requestCharge }) => sum + requestCharge, 0),
      batches: facts.batches.length,
      documents: facts.documents.length,
      versions: facts.documents.reduce((sum, { version }) => sum + version, 0),
      sabotaged: DONE_FILES.map((file) => join(this.folder, file))
        .filter((file) => existsSync(file))
        .map((file) => readFileSync(file, 'utf8').split('\n')),
    };
  }

  private subscribe(): Promise<string[]> {
    const subscriptions = new Subscriptions(this.api);
    return Promise.all(
      this.consumers.urls.map(async (url, at) => {
        const description = NAMES[at] ?? '';
        return (await subscriptions.createActive({ url, datasets: [DATASET], description })).id;
      }),
    );
  }

  private async load(): Promise<{ load: LoadResult; kills: readonly Kill[] }> {
    const { rate, duration, warmUp, connections, ids, seed, chaos } = this.options;
    const kills = chaos
      ? startChaos(this.cloud, seed, ({ victim }) => this.watcher.tell(`  kill -9 ${victim}`))
      : undefined;
    const middle = setTimeout(() => this.say(MIDDLE_FILE, ''), (warmUp + duration / 2) * 1_000);
    try {
      const load = await generateLoad({
        rate,
        duration,
        warmUp,
        connections,
        ids,
        seed,
        to: this.cloud.url,
        key: this.cloud.keys.functions.function,
        dataset: DATASET,
        graceMs: GRACE_MS,
        log: this.log,
        onBegin: (begin) => this.sayTail(begin),
        onSecond: (second) => this.watcher.second(second),
      });
      return { load, kills: kills?.kills ?? [] };
    } finally {
      clearTimeout(middle);
      kills?.stop();
    }
  }

  /** Which record will be the last. */
  private sayTail(begin: number): void {
    const { rate, duration, warmUp, seed, ids } = this.options;
    const last = Math.round(rate * (duration + warmUp)) - 1;
    this.say(TAIL_FILE, productRecords({ rate, seed, ids, begin }).bodyOf(last));
  }

  private say(file: string, text: string): void {
    if (this.options.sabotage !== undefined) writeFileSync(join(this.folder, file), text);
  }

  private async facts(subscriptions: readonly string[]) {
    const { header, lines } = await readLog(this.log);
    const accepted: Accepted[] = [];
    const unknown = new Set<number>();
    for await (const line of lines) {
      if (line.kind === 'accepted') accepted.push({ index: line.index, id: line.id });
      else unknown.add(line.index);
    }
    const ledger = await this.api.ledger();
    const { stores } = this;
    const facts: Facts = {
      records: productRecords(header),
      accepted,
      unknown,
      ledger: {
        ...ledger,
        faults: ledger.faults.map(({ code, key, batchId }) => [code, key, batchId].filter(Boolean).join(' ')),
      },
      partitions: await stores.partitions(),
      claims: await stores.claims(),
      batches: await stores.batches(),
      documents: await stores.documents(),
      consumers: await Promise.all(
        subscriptions.map(async (subscription, at) => {
          const taken = await readTaken(consumerFile(this.folder, at));
          return { name: NAMES[at] ?? '', subscription, taken };
        }),
      ),
    };
    return { facts, header };
  }
}
