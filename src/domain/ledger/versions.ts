import type { Envelope } from '../ingest/envelope';

/** Adds up numbers by name: a partition, mostly. */
export class Sums {
  private readonly values = new Map<string, number>();

  add(name: string, value: number): void {
    this.values.set(name, this.of(name) + value);
  }

  of(name: string): number {
    return this.values.get(name) ?? 0;
  }
}

/**
 * Whether the versions of a bucket are what its verdicts say. They may be more while batches run: a group that is written
 * and whose verdict file is not. They are never fewer.
 * @param upserted verdicts, counted first
 * @param versions of the documents, counted after them
 * @param undecided records of the bucket in chunks without a verdict file, counted last
 */
export function compareVersions(
  upserted: number,
  versions: number,
  undecided: number,
): 'equal' | 'explained' | 'too-few' | 'too-many' {
  if (versions === upserted) return 'equal';
  if (versions < upserted) return 'too-few';
  return versions - upserted <= undecided ? 'explained' : 'too-many';
}

/** A verdict that says that a record became a version. */
export interface Claim {
  readonly batchId: string;
  /** When the batch was received, ISO 8601. */
  readonly receivedAt: string;
  readonly chunk: number;
  readonly index: number;
  readonly version: number;
}

/** What a document says of itself. */
export type Made = Pick<Envelope['_hw'], 'version' | 'maker'>;

/**
 * Of the verdicts on one key, those whose version was not written: as many as there are more verdicts than versions. A
 * version beyond the last one was not written; of those that claim the same version the one that came last was, since
 * whoever came after a write that was skipped found the version before it.
 * @param made the document, read *after* the verdicts; undefined: there is none
 */
export function skippedOf(claims: readonly Claim[], made: Made | undefined): Claim[] {
  const version = made?.version ?? 0;
  const isMaker = ({ batchId, index }: Claim): boolean =>
    made?.maker.batchId === batchId && made.maker.index === index;
  const inOrder = claims.toSorted(
    (a, b) =>
      a.version - b.version ||
      Number(isMaker(a)) - Number(isMaker(b)) ||
      compareText(a.receivedAt, b.receivedAt) ||
      a.index - b.index,
  );
  const beyond = inOrder.filter((claim) => claim.version > version);
  const doubled = inOrder.filter((claim, at) => {
    const next = inOrder[at + 1];
    return claim.version <= version && next?.version === claim.version;
  });
  return [...beyond, ...doubled].slice(0, Math.max(0, claims.length - version));
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
