import { plain } from '../plain';
import { table } from '../table';
import { VERDICT_NAMES, type BatchOutcome, type BatchState, type Failure, type Summary } from './summary';

/** The summary for people. */
export function reportText(summary: Summary): string {
  return [
    `${plain(summary.input)} → ${plain(summary.dataset)} at ${plain(summary.to)}`,
    figures(summary),
    notes(summary),
    ends(summary),
    rejects(summary),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function figures(summary: Summary): string {
  const { accepted, counts, requestCharge, seconds, recordsPerSecond, mode } = summary;
  const dry = mode === 'validate';
  const header = [
    dry ? 'dry run' : '',
    dry ? 'records' : 'accepted',
    ...VERDICT_NAMES,
    ...(dry ? [] : ['RU']),
    'seconds',
    'records/s',
  ];
  const row = [
    'records',
    count(accepted),
    ...VERDICT_NAMES.map((verdict) => count(counts[verdict])),
    ...(dry ? [] : [count(Math.round(requestCharge))]),
    seconds.toFixed(1),
    count(Math.round(recordsPerSecond)),
  ];
  return table(header, [row]);
}

function notes(summary: Summary): string {
  const { batches, replayed, open, repeats, lateSeconds, mode } = summary;
  const taken = batches.filter(({ state }) => state === 'accepted' || state === 'examined').length;
  const lines = [
    `${count(taken)} ${taken === 1 ? 'batch' : 'batches'} ${mode === 'validate' ? 'examined' : 'accepted'}.`,
  ];
  if (replayed > 0)
    lines.push(`Accepted before: ${count(replayed)}. Nothing is doubled; --run NAME sends it anew.`);
  if (open > 0) lines.push(`Still open: ${count(open)}. What became of their records is not counted here.`);
  if (repeats > 0) lines.push(`Requests that had to be repeated: ${count(repeats)}.`);
  if (lateSeconds !== undefined && lateSeconds >= 0.1)
    lines.push(`The rate was not kept: a batch was sent ${lateSeconds.toFixed(1)} s after its time.`);
  return lines.join('\n');
}

/** What was sent and what not, when it ended before its time. */
function ends(summary: Summary): string {
  const { failure, interrupted, readAll, batches, mode } = summary;
  if (!failure && !interrupted) return '';
  const lines = failure ? [failureText(failure, summary.input)] : ['Interrupted.'];
  const states: [BatchState, string][] = [
    ['accepted', 'Accepted'],
    ['refused', 'Refused'],
    ['unanswered', 'Sent, without an answer that tells whether it was accepted'],
    ['notSent', 'Not sent'],
  ];
  for (const [state, name] of states) {
    const ranges = rangesOf(batches.filter((batch) => batch.state === state));
    if (ranges !== '') lines.push(`${name}: ${ranges}.`);
  }
  const end = batches.reduce((most, { first, records }) => Math.max(most, first + (records ?? 0)), 0);
  if (!readAll && mode !== 'upload') lines.push(`Nothing from record ${count(end)} on was sent.`);
  if (mode !== 'validate' && failure?.kind !== 'failed')
    lines.push('Run the same command again to go on: what was accepted is not doubled.');
  return lines.join('\n');
}

/** Why it failed, for people. */
export function failureText(failure: Failure, input: string): string {
  switch (failure.kind) {
    case 'refused': {
      const { status, code, detail } = failure;
      const reason = code === undefined ? `${status}` : `${status} ${code}`;
      return plain(`${placeText(input, failure)}${reason}: ${detail}`);
    }
    case 'input':
      return plain(`${placeText(input, failure) || `${input}: `}${failure.message}`);
    case 'failed':
      return plain(`Batch ${failure.batchId} failed: ${failure.message}`);
    case 'unreachable':
    case 'open':
      return plain(failure.message);
    default:
      return failure satisfies never;
  }
}

function placeText(input: string, { line, record }: { line?: number; record?: number }): string {
  if (line !== undefined) return `${input}:${line}${record === undefined ? '' : ` (record ${record})`}: `;
  return record === undefined ? '' : `${input}, record ${record}: `;
}

/** Records of batches, neighbours together. They are counted from 0. */
function rangesOf(batches: readonly BatchOutcome[]): string {
  const ranges: { first: number; end: number }[] = [];
  for (const { first, records } of batches.toSorted((a, b) => a.first - b.first)) {
    if (records === null) return 'the whole file';
    const last = ranges.at(-1);
    if (last?.end === first) last.end += records;
    else ranges.push({ first, end: first + records });
  }
  return ranges.map(({ first, end }) => `records ${count(first)} to ${count(end - 1)}`).join(', ');
}

function rejects({ rejected, counts, input, mode }: Summary): string {
  const all = counts.quarantined + counts.deadLettered;
  if (rejected.length === 0) return '';
  const which =
    rejected.length < all ? `The first ${count(rejected.length)} of ${count(all)}` : `The ${count(all)}`;
  const lines = [
    `${which} ${all === 1 ? 'record' : 'records'} that ${mode === 'validate' ? 'would not' : 'did not'} land:`,
  ];
  for (const { record, line, key, verdict, errors, batchId, index } of rejected) {
    const place = line === undefined ? `record ${record}` : `${input}:${line}  record ${record}`;
    const origin = batchId === undefined ? '' : `  batch ${batchId} index ${index}`;
    lines.push(plain(`  ${place}  ${verdict}${key === null ? '' : `  key ${key}`}${origin}`));
    for (const { pointer, message } of errors)
      lines.push(plain(`    ${pointer === '' ? '' : `${pointer}  `}${message}`));
  }
  return lines.join('\n');
}

const count = (value: number): string => value.toLocaleString('en');
