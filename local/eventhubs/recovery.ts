import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DurableFile, Files } from '../shared/files';
import { log } from '../shared/log';
import { numberingOf } from './event';
import type { NumberedSend } from './producers';
import {
  MAX_RECORD_BYTES,
  readRecord,
  RECORD_HEADER_BYTES,
  type RecordHead,
  sequenceNumberAt,
} from './record';
import {
  CorruptSegmentError,
  decodeStart,
  Segment,
  SEGMENT_HEADER_BYTES,
  type SegmentMark,
  sequenceNumberOfName,
} from './segment';

const SCAN_BYTES = 4 * 1024 * 1024;

/** Hears of each send of an idempotent producer, in order, with its time (milliseconds since the epoch). */
export type OnNumbered = (send: NumberedSend, time: number) => void;

/**
 * Reads every segment of a partition and checks every record. What a crash left unfinished at the end of the
 * newest one is cut off, whole sends at a time; anything else that is wrong is an error, so that no acknowledged event is ever
 * dropped in silence.
 *
 * @param acknowledged logical offset up to which events are known to have been acknowledged.
 * @throws {CorruptSegmentError} naming the file and the position.
 */
export async function recoverSegments(
  folder: string,
  files: Files,
  acknowledged: number,
  onNumbered: OnNumbered,
): Promise<Segment[]> {
  const names = (await readdir(folder)).filter((name) => sequenceNumberOfName(name) !== undefined).sort();
  const segments: Segment[] = [];
  for (const [index, name] of names.entries()) {
    const isNewest = index === names.length - 1;
    const segment = await recoverSegment(folder, name, files, { isNewest, acknowledged, onNumbered });
    if (!segment) continue;
    const before = segments.at(-1);
    if (before && before.nextSequenceNumber !== segment.start.sequenceNumber) {
      const why = `it should go on with event ${before.nextSequenceNumber}: a segment before it is missing or cut`;
      throw new CorruptSegmentError(segment.path, 0, why);
    }
    segments.push(segment);
  }
  return segments;
}

interface Circumstances {
  readonly isNewest: boolean;
  readonly acknowledged: number;
}

async function recoverSegment(
  folder: string,
  name: string,
  files: Files,
  { isNewest, acknowledged, onNumbered }: Circumstances & { onNumbered: OnNumbered },
): Promise<Segment | undefined> {
  const path = join(folder, name);
  const file = await files.open(path);
  try {
    const size = await file.size();
    const start = decodeStart(await file.read(SEGMENT_HEADER_BYTES, 0));
    if (!start || start.sequenceNumber !== sequenceNumberOfName(name)) {
      // A segment gets records only after its header was synced: this one was being created.
      if (isNewest && size <= SEGMENT_HEADER_BYTES) return await discard(path, folder, files);
      throw new CorruptSegmentError(path, 0, 'the header is unreadable');
    }
    const segment = new Segment(folder, start, files);
    const bad = await load(segment, file, size, onNumbered);
    if (bad !== undefined) await cutTail(segment, file, { size, bad }, { isNewest, acknowledged });
    else if (isNewest && segment.offsetOf(segment.end) < acknowledged) throw cutOff(segment);
    // What a killed process wrote but did not sync is about to be shown to readers.
    if (isNewest) await file.datasync();
    return segment;
  } finally {
    await file.close();
  }
}

async function discard(path: string, folder: string, files: Files): Promise<undefined> {
  await files.remove(path);
  await files.syncFolder(folder);
  return undefined;
}

/**
 * Fills the segment with its whole sends. Returns the position of the first record that is not whole, if any: the
 * end of the file when only the rest of a send is missing.
 */
async function load(
  segment: Segment,
  file: DurableFile,
  size: number,
  onNumbered: OnNumbered,
): Promise<number | undefined> {
  const sends = new Sends(segment, onNumbered);
  while (segment.end < size) {
    const from = segment.end;
    const buffer = await file.read(Math.min(SCAN_BYTES, size - from), from);
    let at = 0;
    for (;;) {
      const record = readRecord(buffer, at);
      if (!record || record.sequenceNumber !== segment.nextSequenceNumber) break;
      segment.add(record, from + at);
      sends.add(record, buffer.subarray(at + RECORD_HEADER_BYTES, at + record.size));
      at += record.size;
    }
    if (at === 0) {
      sends.dropRest();
      return from;
    }
  }
  return sends.dropRest() ? size : undefined;
}

/** Puts records together to the sends they came in. */
class Sends {
  private whole: SegmentMark;
  private first: number | undefined;

  constructor(
    private readonly segment: Segment,
    private readonly onNumbered: OnNumbered,
  ) {
    this.whole = segment.mark();
  }

  add(record: RecordHead, message: Buffer): void {
    const numbering = record.isNumbered ? numberingOf(message) : undefined;
    this.first ??= numbering?.number;
    if (record.isContinued) return;
    if (numbering) {
      const { group, level, number } = numbering;
      this.onNumbered({ group, level, first: this.first ?? number, last: number }, record.time);
    }
    this.first = undefined;
    this.whole = this.segment.mark();
  }

  /** Takes the last send back when its rest is missing. */
  dropRest(): boolean {
    if (this.segment.end === this.whole.end) return false;
    this.segment.rewind(this.whole);
    return true;
  }
}

async function cutTail(
  segment: Segment,
  file: DurableFile,
  { size, bad }: { size: number; bad: number },
  { isNewest, acknowledged }: Circumstances,
): Promise<void> {
  const { path, end } = segment;
  if (!isNewest) throw new CorruptSegmentError(path, bad, 'an event does not match its checksum');
  if (segment.offsetOf(end) < acknowledged) {
    throw size - bad < RECORD_HEADER_BYTES
      ? cutOff(segment)
      : new CorruptSegmentError(path, bad, 'an acknowledged event does not match its checksum');
  }
  const later = await findLater(segment, file, { size, from: bad + 1 });
  if (later !== undefined) {
    const why = `an event does not match its checksum, but whole ones follow at byte ${later}`;
    throw new CorruptSegmentError(path, bad, why);
  }
  log('eventhubs', `${path}: cut off ${size - end} bytes that were never acknowledged, at byte ${end}`);
  await file.truncate(end);
}

function cutOff(segment: Segment): CorruptSegmentError {
  return new CorruptSegmentError(
    segment.path,
    segment.end,
    'the file ends here, but more events were acknowledged',
  );
}

/**
 * Looks for a whole write after the end of the good ones: a sign of damage rather than of a torn write, since each is
 * synced before the next. Records that were written together with a torn one may be whole: a disk need not write in order.
 */
async function findLater(
  segment: Segment,
  file: DurableFile,
  { size, from: first }: { size: number; from: number },
): Promise<number | undefined> {
  for (let from = first; from < size; from += SCAN_BYTES) {
    const buffer = await file.read(Math.min(SCAN_BYTES + MAX_RECORD_BYTES, size - from), from);
    for (let at = 0; at < SCAN_BYTES && at + RECORD_HEADER_BYTES < buffer.length; at += 1) {
      // Cheap tests first: most positions are none of a record.
      const ahead = sequenceNumberAt(buffer, at) - segment.nextSequenceNumber;
      if (ahead > 0 && ahead < size && readRecord(buffer, at)?.isJoined === false) return from + at;
    }
  }
  return undefined;
}
