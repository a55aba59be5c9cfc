import type { Limits, Meaning } from './expected';
import { batchMeaning, type Sent } from './meaning';

/** What an upload says: `refusals` are told when its batch is posted, `failures` end the batch. */
export interface UploadMeaning extends Meaning {
  readonly failures: readonly string[];
}

/** Whichever is met first while it is read piece by piece. */
const WHILE_READING = ['malformed-body', 'batch-too-large'];

/** What a batch that names an upload of these bytes says. An upload may be as long as a body here. */
export function uploadMeaning(sent: Sent, limits: Limits): UploadMeaning {
  const { refusals, records } = batchMeaning(sent, limits);
  if (refusals.includes('unsupported-media-type'))
    return { refusals: ['unsupported-media-type'], failures: [] };
  if (sent.bytes.length === 0) return { refusals: ['empty-batch'], failures: [] };
  if (sent.bytes.length > limits.bytes) return { refusals: ['upload-too-large'], failures: [] };
  if (records) return { refusals: [], records, failures: [] };
  const isUnread = refusals.some((code) => WHILE_READING.includes(code));
  return { refusals: [], failures: isUnread ? WHILE_READING : refusals };
}
