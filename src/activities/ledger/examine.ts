import type { Batch } from '../../domain/ingest/batch';
import { chunkName } from '../../domain/ingest/names';
import { bucketOf, documentId, partitionKey } from '../../domain/keys';
import type { VerdictFile } from '../../domain/ledger/batches';
import { MAX_FAULTS, type Faults, type LedgerFault } from '../../domain/ledger/faults';
import { compareVersions, skippedOf, type Claim, type Made } from '../../domain/ledger/versions';
import { readVerdicts, upsertsIn } from '../ingest/verdictFile';
import type { LedgerDeps } from './deps';
import { VersionTally } from './tally';
import { walkBatches } from './walk';

/** A bucket whose versions are not what the verdicts say. */
export interface Suspect {
  readonly dataset: string;
  readonly bucket: number;
  readonly pk: string;
}

/** Buckets of which each key is looked at; of the others it is only said that they do not add up. */
const EXAMINED = 8;

const FILES = 2_000;
const DOCUMENTS = 500;

/** A suspect, with what is found out about it. */
interface Case extends Suspect {
  /** Verdicts that say upserted, by key. */
  readonly claims: Map<string, Claim[]>;
  upserted: number;
  versions: number;
  readonly tooMany: { readonly key: string; readonly detail: string }[];
  readonly tooFew: { readonly key: string; readonly claims: readonly Claim[] }[];
}

/**
 * Finds out which key of which batch it is that does not add up, all read again and in the same order. Names nothing that
 * has come right in the meantime.
 */
export async function examineVersions(
  deps: LedgerDeps,
  suspects: readonly Suspect[],
  faults: Faults,
): Promise<void> {
  await deps.pause();
  const cases = suspects.slice(0, EXAMINED).map((suspect): Case => ({
    ...suspect,
    claims: new Map(),
    upserted: 0,
    versions: 0,
    tooMany: [],
    tooFew: [],
  }));
  const tally = new VersionTally(deps.now());
  await collectClaims(deps, cases, tally, faults);
  for (const one of cases) await compareKeys(deps, one);
  const others: (Suspect & { versions: number })[] = [];
  for (const suspect of suspects.slice(EXAMINED))
    others.push({ ...suspect, versions: (await deps.versions.sums(suspect.pk)).versions });
  await tally.addLater(deps);
  for (const one of cases) {
    nameTooMany(one, tally.undecided.of(one.pk), faults);
    await nameTooFew(deps, one, faults);
  }
  for (const other of others) nameBucket(other, tally, faults);
}

function nameBucket(
  { dataset, bucket, pk, versions }: Suspect & { versions: number },
  tally: VersionTally,
  faults: Faults,
): void {
  const upserted = tally.upserted.of(pk);
  const undecided = tally.undecided.of(pk);
  const found = compareVersions(upserted, versions, undecided);
  if (found === 'equal' || found === 'explained') return;
  const code = found === 'too-few' ? 'skipped-write' : 'unexplained-version';
  faults.add({ code, dataset, bucket, detail: sumsText(versions, upserted, undecided) });
}

const sumsText = (versions: number, upserted: number, undecided: number): string =>
  `${versions} versions, ${upserted} records upserted, at most ${undecided} on the way.`;

async function collectClaims(
  deps: LedgerDeps,
  cases: readonly Case[],
  tally: VersionTally,
  faults: Faults,
): Promise<void> {
  const byPartition = new Map(cases.map((one) => [one.pk, one]));
  for await (const walked of walkBatches(deps, FILES)) {
    if (walked.type !== 'batch') continue;
    const { batch, check } = walked;
    tally.add(batch, check);
    for (const file of check.files) {
      const concerned = [...file.upserts.keys()].some((bucket) =>
        byPartition.has(partitionKey(batch.dataset, bucket)),
      );
      if (concerned) await readClaims(deps, batch, file, byPartition, faults);
    }
  }
}

async function readClaims(
  { blobs }: LedgerDeps,
  batch: Batch,
  { batchId, chunk, upserts }: VerdictFile,
  cases: ReadonlyMap<string, Case>,
  faults: Faults,
): Promise<void> {
  const verdicts = await readVerdicts(blobs, chunkName(batchId, chunk));
  const { dataset, receivedAt } = batch;
  const counted = upsertsIn(verdicts);
  if (
    counted.size !== upserts.size ||
    [...counted].some(([bucket, count]) => upserts.get(bucket) !== count)
  ) {
    const detail = 'What its metadata says was upserted is not what its lines say.';
    faults.add({ code: 'verdicts-differ', dataset, batchId, chunk, detail });
  }
  for (const verdict of verdicts) {
    if (verdict.verdict !== 'upserted') continue;
    const { key, index, version } = verdict;
    const one = cases.get(partitionKey(dataset, bucketOf(key)));
    if (!one) continue;
    const claim = { batchId, receivedAt, chunk, index, version };
    const known = one.claims.get(key);
    if (known) known.push(claim);
    else one.claims.set(key, [claim]);
    one.upserted++;
  }
}

/** Reads the documents of a bucket, after the verdicts. */
async function compareKeys({ documents }: LedgerDeps, one: Case): Promise<void> {
  const left = new Map(one.claims);
  const compare = (key: string, made: Made | undefined): void => {
    const claims = left.get(key) ?? [];
    left.delete(key);
    const version = made?.version ?? 0;
    one.versions += version;
    if (version < claims.length) one.tooFew.push({ key, claims });
    if (version <= claims.length || one.tooMany.length === MAX_FAULTS) return;
    const detail = `The document has version ${version}; records upserted ${claims.length} times.`;
    one.tooMany.push({ key, detail });
  };
  for (let continuation: string | undefined; ;) {
    const page = await documents.page(one.pk, DOCUMENTS, continuation);
    for (const { _hw } of page.documents) compare(_hw.key, _hw);
    continuation = page.continuation;
    if (continuation === undefined) break;
  }
  for (const key of left.keys()) compare(key, undefined);
}

function nameTooMany(one: Case, undecided: number, faults: Faults): void {
  const { dataset, bucket, upserted, versions, tooMany } = one;
  if (compareVersions(upserted, versions, undecided) !== 'too-many') return;
  const code = 'unexplained-version';
  if (undecided === 0) for (const { key, detail } of tooMany) faults.add({ code, dataset, key, detail });
  else faults.add({ code, dataset, bucket, detail: sumsText(versions, upserted, undecided) });
}

/** Each document is read once more: what a replica did not show yet is no fault. */
async function nameTooFew(deps: LedgerDeps, one: Case, faults: Faults): Promise<void> {
  const { dataset, pk, tooFew } = one;
  if (tooFew.length === 0) return;
  await deps.pause();
  for (let at = 0; at < tooFew.length; at += DOCUMENTS) {
    const part = tooFew.slice(at, at + DOCUMENTS);
    const { stored } = await deps.documents.read(
      pk,
      part.map(({ key }) => documentId(key)),
    );
    for (const { key, claims } of part) {
      const made = stored.get(documentId(key))?.envelope._hw;
      for (const claim of skippedOf(claims, made)) faults.add(skippedWrite(dataset, key, claim, made));
    }
  }
}

function skippedWrite(dataset: string, key: string, claim: Claim, made: Made | undefined): LedgerFault {
  const { batchId, chunk, index, version } = claim;
  const present = made ? `the document has ${made.version}` : 'there is no document';
  const detail =
    made && version <= made.version
      ? `Record ${index} is upserted as version ${version}, which another record made as well.`
      : `Record ${index} is upserted as version ${version}; ${present}.`;
  return { code: 'skipped-write', dataset, batchId, chunk, key, detail };
}
