/** Closed batches with records that did not land, for bodies that bring them again. */
import type { Api, RecordReport } from '../../../tools/lib/api';

/** A batch that is closed, and what has become of each of its records. */
export interface Origin {
  readonly batchId: string;
  readonly records: readonly RecordReport[];
}

/** Good redrive bodies repair records 1 to 6 (doors.ts), spoilt ones also bring the first one, which has landed in most. */
const RECORDS = 7;

const CLOSES_WITHIN_MS = 60_000;

const LEFT_BEHIND = ['quarantined', 'deadLettered', 'notApplied'];

/** Whether a record of the batch may be brought again. */
export const isRedrivable = ({ records }: Origin, index: number): boolean =>
  records.some((record) => record.index === index && LEFT_BEHIND.includes(record.verdict));

const numbered = (record: (number: number) => object | string): string =>
  Array.from({ length: RECORDS }, (_, number) => record(number))
    .map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))
    .join('\n');

/** One each of what leaves records behind: quarantined ones, rows that are no records, a rejected batch, a redrive. */
export async function prepareOrigins(api: Api): Promise<Origin[]> {
  const lines = numbered((number) => ({ id: number === 0 ? 'origin-lines' : number, n: number }));
  const rows = numbered((number) => (number === 0 ? 'origin-rows,x' : `origin-row-${number},"a"b"`));
  const rejected = numbered((number) => ({ id: number === 0 ? 1 : `origin-rejected-${number}` }));
  const first = await closed(api, await api.post('notes', lines));
  const again = numbered((number) => ({ index: number, record: { id: number } })).split('\n');
  return [
    first,
    await closed(api, await api.post('notes', `id,title\n${rows}`, { contentType: 'text/csv' })),
    await closed(api, await api.post('notes', rejected, { query: '?onInvalid=reject' })),
    await closed(api, await redriven(api, first, again.slice(1))),
  ];
}

async function redriven(
  api: Api,
  { batchId }: Origin,
  lines: readonly string[],
): Promise<{ batchId: string }> {
  const answer = await api.request(`/api/batches/${batchId}/redrive`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-ndjson' },
    body: lines.join('\n'),
  });
  if (answer.status !== 202) throw new Error(`The redrive was answered ${answer.status}.`);
  return (await answer.json()) as { batchId: string };
}

async function closed(api: Api, { batchId }: { batchId: string }): Promise<Origin> {
  await api.closed(batchId, { timeoutMs: CLOSES_WITHIN_MS, pollMs: 20 });
  const records: RecordReport[] = [];
  for await (const record of api.records(batchId)) records.push(record);
  return { batchId, records };
}
