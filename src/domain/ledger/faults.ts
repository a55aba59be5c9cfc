/**
 * Everything that the ledger can find wrong, by its stable code. `docs/ledger.md` says of each what it means and what to
 * do about it, and a test compares the two.
 */
export const LEDGER_FAULTS = {
  /** Verdict files lie there for a batch that has no document. */
  'missing-batch': 'A batch that was accepted is not known any more',
  /** The chunks of a batch do not hold as many records as were accepted. */
  'manifest-differs': 'The chunks of a batch do not add up to what was accepted',
  /** A batch is closed, and a chunk of it has no verdict file. */
  'missing-verdicts': 'A closed batch lacks a verdict file',
  /** A verdict file does not have one verdict for each record of its chunk, or its counts are not those of its lines. */
  'verdicts-differ': 'A verdict file does not fit its chunk',
  /** What a closed batch says of itself is not what its verdict files say. */
  'summary-differs': 'The summary of a batch is not the sum of its verdict files',
  /** Events of the records door expired in the hub before they were made batches. */
  'lost-events': 'Records were lost in the hub',
  /** The claims of a partition leave out numbers, or hold some twice. */
  'broken-chain': 'The claims of the hub do not follow one another',
  /** A verdict says that a record became a version of its document, and that version is not there. */
  'skipped-write': 'A record that counts as upserted was not written',
  /** A document has more versions than records that were upserted. */
  'unexplained-version': 'There are versions that no record made',
  /** A subscription is owed a version, and there is no delivery row for the document. */
  'missing-row': 'A delivery row is missing',
  /** A delivery row is owed less than the version that the change feed has brought. */
  'row-behind': 'A delivery row does not know of a change',
  /** The counters of a delivery row do not add up. */
  'row-unbalanced': 'The counters of a delivery row do not add up',
  /** Versions of a delivery row are pending, and it is not due at any time. */
  'row-forgotten': 'A delivery row is owed something and will not be looked at',
} as const;

export type LedgerFaultCode = keyof typeof LEDGER_FAULTS;

/** One thing that is wrong, with the narrowest names that are known. */
export interface LedgerFault {
  readonly code: LedgerFaultCode;
  readonly dataset?: string;
  readonly batchId?: string;
  readonly chunk?: number;
  /** Where no key can be named. */
  readonly bucket?: number;
  readonly key?: string;
  readonly subscription?: string;
  /** For people: what was expected, and what was found. */
  readonly detail: string;
}

/** Faults that are named; the others are counted. */
export const MAX_FAULTS = 100;

/** Faults as they are found: counts all of them, keeps the first {@link MAX_FAULTS}. */
export class Faults {
  readonly shown: LedgerFault[] = [];
  private readonly byScope = new Set<string>();
  count = 0;

  add(fault: LedgerFault): void {
    this.count++;
    if (this.shown.length < MAX_FAULTS) this.shown.push(fault);
    // A delivery that is wrong is no fault of the data set.
    if (fault.subscription !== undefined) this.byScope.add(`subscription ${fault.subscription}`);
    else if (fault.dataset !== undefined) this.byScope.add(`dataset ${fault.dataset}`);
  }

  /** Whether nothing was found of this data set's batches, or of this subscription. */
  none(scope: 'dataset' | 'subscription', name: string): boolean {
    return !this.byScope.has(`${scope} ${name}`);
  }
}
