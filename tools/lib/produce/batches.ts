import { createHash } from 'node:crypto';
import { countBreaks, type Piece, type Pieces } from './pieces';
import { Places } from './places';

/** What one request posts. */
export interface Batch {
  /** From 1, in the order of the input. */
  readonly number: number;
  readonly records: number;
  readonly body: Buffer;
  readonly contentType: string;
  readonly places: Places;
}

export interface BatchLimits {
  readonly records: number;
  /** Of the body; a record that is too long for it goes alone. */
  readonly bytes: number;
}

/**
 * Cuts the input into batches, always the same for the same input and limits. Holds one at a time. What the input
 * throws ends it, and the batch that was begun is not handed out.
 */
export async function* batchesOf(input: Pieces, limits: BatchLimits): AsyncGenerator<Batch> {
  let pieces: Piece[] = [];
  /** Of the pieces, with a separator each. */
  let bytes = 0;
  let number = 0;
  let first = 0;
  const batch = (): Batch => {
    const { contentType, open, separator, close } = input.framing();
    const parts = [open, ...separated(pieces, separator), close];
    const lines = pieces.flatMap(({ line }) => (line === undefined ? [] : [line]));
    const breaks = pieces.map((piece) => piece.breaks);
    const places = new Places(first, lines, countBreaks(open), breaks);
    const records = pieces.length;
    first += records;
    number++;
    pieces = [];
    bytes = 0;
    return { number, records, body: Buffer.concat(parts), contentType, places };
  };
  for await (const some of input.pieces) {
    const { open, separator, close } = input.framing();
    const room = limits.bytes - open.length - close.length;
    for (const piece of some) {
      const size = piece.bytes.length + separator.length;
      if (pieces.length > 0 && (pieces.length === limits.records || bytes + size > room)) yield batch();
      pieces.push(piece);
      bytes += size;
    }
  }
  if (pieces.length > 0) yield batch();
}

function separated(pieces: readonly Piece[], separator: Buffer): Buffer[] {
  return pieces.flatMap(({ bytes }, at) =>
    at === 0 || separator.length === 0 ? [bytes] : [separator, bytes],
  );
}

/** What the same input must be sent under again. */
export interface KeyParts {
  readonly dataset: string;
  readonly onInvalid: string;
  /** Another name makes other keys on purpose. */
  readonly run: string;
  readonly contentType: string;
  /** Where in the input the body begins: the same lines further down are other records. */
  readonly first: number;
}

/** Characters of a key; 160 bits of a hash. */
const KEY_DIGITS = 40;

/** The beginning of an idempotency key; the body is still to be added. */
export function beginKey({ dataset, onInvalid, run, contentType, first }: KeyParts): {
  add(bytes: Buffer): void;
  key(): string;
} {
  const hash = createHash('sha256');
  hash.update(`${JSON.stringify([dataset, onInvalid, run, contentType, first])}\n`);
  return {
    add: (bytes) => void hash.update(bytes),
    key: () => `produce-${hash.digest('hex').slice(0, KEY_DIGITS)}`,
  };
}

/**
 * The `Idempotency-Key` of a body: it follows from what is sent, so that a command that is run again after a crash
 * names its batches as before.
 */
export function keyOf(parts: KeyParts, body: Buffer): string {
  const begun = beginKey(parts);
  begun.add(body);
  return begun.key();
}
