/**
 * What can be wrong:
 * - `lost-in-hub`: a record with a 202 is not in the hub
 * - `double-id`: two records have a 202 with the same id
 * - `unexplained-line`: the hub has a record that the load has not sent
 * - `content-differs`: a record is stored otherwise than it was sent
 * - `claim-hole`, `claim-overlap`: the claims of a partition leave out numbers, or have some twice
 * - `unclaimed-end`: the claims end before the partition does
 * - `expired`: events had expired before they were claimed
 * - `claim-differs`: a claim does not hold the records that its events have
 * - `missing-batch`, `open-batch`: a claim's batch is not there, or not closed
 * - `missing-archive`: the body of a batch is not in the archive, or not as its document says
 * - `archive-differs`: the archive of a batch does not have the claimed records
 * - `missing-verdict`, `double-verdict`, `unexplained-verdict`
 * - `not-landed`: a record was quarantined, dead-lettered or not applied
 * - `wrong-verdict`: a record counts as unchanged or stale, and no other record explains it
 * - `missing-document`, `unexplained-document`
 * - `old-document`: a document is older than the newest record of its key
 * - `document-differs`: it has another content than the record by whose stamp it goes
 * - `versions-differ`: the versions that verdicts tell are not those that the document has had
 * - `not-delivered`: a consumer was not told the last version of a document
 * - `unexplained-delivery`: it was told a version that there is not
 * - `backwards`: it was told an older version after a newer one
 * - `ledger-differs`: the app's own ledger says something else, or is not balanced
 */
export type FindingCode =
  | 'lost-in-hub'
  | 'double-id'
  | 'unexplained-line'
  | 'content-differs'
  | 'claim-hole'
  | 'claim-overlap'
  | 'unclaimed-end'
  | 'expired'
  | 'claim-differs'
  | 'missing-batch'
  | 'open-batch'
  | 'missing-archive'
  | 'archive-differs'
  | 'missing-verdict'
  | 'double-verdict'
  | 'unexplained-verdict'
  | 'not-landed'
  | 'wrong-verdict'
  | 'missing-document'
  | 'unexplained-document'
  | 'old-document'
  | 'document-differs'
  | 'versions-differ'
  | 'not-delivered'
  | 'unexplained-delivery'
  | 'backwards'
  | 'ledger-differs';

/** Something that is wrong, with the narrowest names that are known. */
export interface Finding {
  readonly code: FindingCode;
  readonly detail: string;
  /** Of a record. */
  readonly id?: string;
  /** Of a document. */
  readonly key?: string;
}

/** Of each code so many are kept; all are counted. */
const KEPT = 20;

/** Takes findings, however many: the first of each kind are told, the others counted. */
export class Findings {
  private readonly kept: Finding[] = [];
  private readonly counts = new Map<FindingCode, number>();

  /** @param names whatever has them */
  add(code: FindingCode, detail: string, { id, key }: { id?: string; key?: string } = {}): void {
    const count = (this.counts.get(code) ?? 0) + 1;
    this.counts.set(code, count);
    if (count <= KEPT)
      this.kept.push({
        code,
        detail,
        ...(id === undefined ? {} : { id }),
        ...(key === undefined ? {} : { key }),
      });
  }

  /** The first of each kind. */
  get first(): readonly Finding[] {
    return this.kept;
  }

  /** How many there are, by kind. */
  get byCode(): Readonly<Partial<Record<FindingCode, number>>> {
    return Object.fromEntries(this.counts);
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, one) => sum + one, 0);
  }
}
