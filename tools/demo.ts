/**
 * `npm run demo`: a whole Headwater on free ports in a temporary folder, the samples of all data sets through it (JSON,
 * NDJSON, CSV, gzip, with images) and on to two consumers, one of which refuses 40 % of what it is sent. Every count is checked: against the samples' manifest, by a
 * recount of hub, archive and Cosmos through the SDKs, by what the consumers hold in the end, and by the ledger.
 * `--app FOLDER` takes the app from another folder, such as one where its package was unpacked.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Api, type BatchReport } from './lib/api';
import { APP_DIR, requireNode24, startHeadwater } from './lib/app';
import {
  agreed,
  QUICK_RETRIES,
  showConsumers,
  startConsumers,
  type DemoConsumer,
} from './lib/demo-consumers';
import { postedBody, readManifest, type Manifest, type ManifestFile } from './lib/manifest';
import { Recount, type StoredDocument } from './lib/recount';
import { table } from './lib/table';

/** Collects what does not agree, so that all of it is shown. */
class Checks {
  readonly faults: string[] = [];
  count = 0;

  equal(what: string, actual: unknown, expected: unknown): void {
    this.count++;
    if (actual !== expected) this.faults.push(`${what}: ${String(actual)}, expected ${String(expected)}`);
  }
}

function checkReport(checks: Checks, file: ManifestFile, report: BatchReport): void {
  checks.equal(`${file.path} accepted`, report.counts.accepted, file.records);
  checks.equal(`${file.path} inFlight`, report.counts.inFlight, 0);
  for (const [verdict, count] of Object.entries(file.expected)) {
    checks.equal(`${file.path} ${verdict}`, report.counts[verdict as keyof BatchReport['counts']], count);
  }
  checks.equal(
    `${file.path} status`,
    report.status,
    file.bad.length > 0 ? 'completedWithRejects' : 'completed',
  );
  checks.equal(`${file.path} archive hash`, report.archive?.sha256, file.sha256);
}

async function checkRecords(
  checks: Checks,
  api: Api,
  file: ManifestFile,
  report: BatchReport,
): Promise<void> {
  const records = await Array.fromAsync(api.records(report.batchId, '?maxpagesize=500'));
  checks.equal(`${file.path} listed records`, new Set(records.map(({ index }) => index)).size, file.records);
  const byIndex = new Map(records.map((record) => [record.index, record]));
  for (const { index, keyword, pointer, line } of file.bad) {
    checks.equal(`${file.path} record ${index} line`, byIndex.get(index)?.line, line);
    const errors = byIndex.get(index)?.errors ?? [];
    const named = errors.some((error) => error.keyword === keyword && error.pointer === pointer);
    checks.equal(`${file.path} record ${index} says ${keyword} at "${pointer}"`, named, true);
  }
}

const dataSetOf = ({ pk }: StoredDocument): string => pk.slice(0, pk.lastIndexOf(':'));

function checkDocuments(
  checks: Checks,
  documents: readonly StoredDocument[],
  after: Manifest['after'],
): void {
  const byDataSet = Map.groupBy(documents, dataSetOf);
  checks.equal(
    'Cosmos: data sets',
    [...byDataSet.keys()].toSorted().join(),
    Object.keys(after).toSorted().join(),
  );
  for (const [dataSet, expected] of Object.entries(after)) {
    const stored = byDataSet.get(dataSet) ?? [];
    const tombstones = stored.filter(({ _hw }) => _hw.deleted).length;
    checks.equal(`Cosmos: live documents of ${dataSet}`, stored.length - tombstones, expected.liveDocuments);
    checks.equal(`Cosmos: tombstones of ${dataSet}`, tombstones, expected.tombstones);
    const versions = stored.reduce((total, { _hw }) => total + _hw.version, 0);
    checks.equal(`Cosmos: versions of ${dataSet}`, versions, expected.versions);
  }
}

/** Each image is stored once, whatever refers to it, and is what its reference says. */
async function checkImages(
  checks: Checks,
  recount: Recount,
  documents: readonly StoredDocument[],
): Promise<void> {
  const references = documents.flatMap(({ data }) => {
    const image = data['image_base64'] as { path: string; sha256: string; bytes: number } | undefined;
    return image ? [image] : [];
  });
  const images = new Map(references.map((image) => [image.path, image]));
  checks.equal('images: some', images.size > 0, true);
  checks.equal('images: blobs', (await recount.blobNames('media')).length, images.size);
  for (const { path, sha256, bytes } of images.values()) {
    const stored = await recount.archived(path);
    checks.equal(`images: hash of ${path}`, stored?.sha256, sha256);
    checks.equal(`images: bytes of ${path}`, stored?.bytes, bytes);
  }
}

async function checkStores(
  checks: Checks,
  recount: Recount,
  manifest: Manifest,
  reports: readonly BatchReport[],
): Promise<void> {
  const documents = await recount.documents();
  checkDocuments(checks, documents, manifest.after);
  await checkImages(checks, recount, documents);
  const versions = documents.reduce((total, { _hw }) => total + _hw.version, 0);
  checks.equal(
    'verdicts: upserted',
    reports.reduce((total, { counts }) => total + counts.upserted, 0),
    versions,
  );
  const events = await recount.events();
  const valid = reports.reduce((total, { counts }) => total + counts.accepted - counts.quarantined, 0);
  checks.equal('hub: distinct events', events.size, valid);
  for (const [number, file] of manifest.files.entries()) {
    const archived = await recount.archived(reports[number]?.archive?.path ?? 'archive/none');
    checks.equal(`archive: hash of ${file.path}`, archived?.sha256, file.sha256);
    checks.equal(`archive: bytes of ${file.path}`, archived?.bytes, file.bytes);
  }
}

/** Every change is delivered in the end, its newest version last, and nobody was told an older one after it. */
async function checkConsumers(
  checks: Checks,
  recount: Recount,
  consumers: readonly DemoConsumer[],
): Promise<void> {
  const stored = await recount.documents();
  const live = stored.filter(({ _hw }) => !_hw.deleted).length;
  for (const { name, consumer } of consumers) {
    const faults = await agreed(consumer, stored);
    checks.equal(`${name}: documents that differ from Cosmos`, faults.length, 0);
    checks.equal(`${name}: documents held`, consumer.holdings.documents().length, live);
    checks.equal(`${name}: versions out of order`, consumer.stats.outOfOrder, 0);
    checks.equal(`${name}: bad signatures`, consumer.stats.badSignatures, 0);
  }
}

async function checkLedger(checks: Checks, api: Api, consumers: number, accepted: number): Promise<void> {
  const ledger = await api.ledger();
  checks.equal('ledger: balanced', ledger.balanced, true);
  checks.equal('ledger: faults', ledger.faults.length, 0);
  checks.equal('ledger: accepted', ledger.total['accepted'], accepted);
  checks.equal('ledger: subscriptions', ledger.subscriptions.length, consumers);
  console.log(`\nledger: ${ledger.balanced ? 'balanced' : 'NOT balanced'}`);
}

function show(manifest: Manifest, reports: readonly BatchReport[]): void {
  const verdicts = [
    'accepted',
    'upserted',
    'unchanged',
    'stale',
    'quarantined',
    'deadLettered',
    'notApplied',
    'inFlight',
  ] as const;
  console.log(
    table(
      ['batch', 'status', ...verdicts, 'RU'],
      reports.map((report, number) => [
        manifest.files[number]?.path ?? '',
        report.status,
        ...verdicts.map((verdict) => String(report.counts[verdict])),
        report.requestCharge.toFixed(0),
      ]),
    ),
  );
}

async function main(): Promise<void> {
  requireNode24();
  const { values } = parseArgs({ options: { app: { type: 'string' } } });
  const appDir = values.app === undefined ? APP_DIR : resolve(values.app);
  if (values.app !== undefined) console.log(`app: ${appDir}`);
  const manifest = readManifest();
  const folder = mkdtempSync(join(tmpdir(), 'headwater-demo-'));
  const cloud = await startHeadwater({
    appDir,
    stateDir: join(folder, 'state'),
    ports: { blob: 0, eventhubs: 0, cosmos: 0, functions: 0 },
    settings: QUICK_RETRIES,
  });
  const checks = new Checks();
  let consumers: readonly DemoConsumer[] = [];
  try {
    const api = new Api(cloud.url, cloud.keys.functions.function);
    consumers = await startConsumers(api, Object.keys(manifest.after));
    const reports: BatchReport[] = [];
    for (const file of manifest.files) {
      const { batchId } = await api.post(file.dataSet, postedBody(file), file);
      const report = await api.closed(batchId);
      reports.push(report);
      checkReport(checks, file, report);
      await checkRecords(checks, api, file, report);
    }
    const recount = new Recount(cloud.settings);
    await checkStores(checks, recount, manifest, reports);
    show(manifest, reports);
    await checkConsumers(checks, recount, consumers);
    console.log(`\n${showConsumers(consumers)}`);
    const accepted = reports.reduce((total, { counts }) => total + counts.accepted, 0);
    await checkLedger(checks, api, consumers.length, accepted);
  } finally {
    for (const { consumer } of consumers) await consumer.close();
    await cloud.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
  for (const fault of checks.faults) console.error(`✗ ${fault}`);
  console.log(`\n${checks.count - checks.faults.length} of ${checks.count} checks agree.`);
  process.exitCode = checks.faults.length === 0 ? 0 : 1;
}

main().catch((error: unknown) => {
  console.error(`The demo failed: ${(error as Error).stack ?? String(error)}`);
  process.exit(1);
});
