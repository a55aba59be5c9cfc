import type { HttpRequest, InvocationContext } from '@azure/functions';
import type { Blobs } from '../../../src/clients/blobs';
import type { Batch } from '../../../src/domain/ingest/batch';
import type { RecordVerdict } from '../../../src/domain/ingest/verdict';
import type { Claim } from '../../../src/domain/ingress/claim';
import { recordLine } from '../../../src/domain/ingress/packet';
import { makeRecordId } from '../../../src/domain/ingress/recordId';
import { answering } from '../../../src/triggers/http';
import type { IngressTriggerDeps } from '../../../src/triggers/ingress/deps';
import { createGetRecord } from '../../../src/triggers/ingress/getRecord';

const SECRET = 's'.repeat(32);
const NOW = new Date('2026-03-01T12:00:00.000Z');

const context = { error: () => undefined, functionName: 'getRecord' } as unknown as InvocationContext;

interface Answer {
  readonly status: number | undefined;
  readonly document: Record<string, unknown>;
}

describe('GET record', () => {
  const place = { receivedAt: NOW.getTime(), partition: '1' };
  const id = makeRecordId(SECRET, place, '00000000-0000-4000-8000-000000000001');
  const other = makeRecordId(SECRET, place, '00000000-0000-4000-8000-000000000002');
  const body = Buffer.from([other, id].map((one) => recordLine(one, NOW.toISOString(), '{}')).join(''));
  const part = { batchId: 'b'.repeat(32), dataset: 'readings', from: place.receivedAt, to: place.receivedAt };
  const batch = {
    id: part.batchId,
    dataset: 'readings',
    contentHash: 'h',
    format: 'records',
    receivedAt: NOW.toISOString(),
  };

  interface Stored {
    readonly claims?: readonly { readonly parts: readonly object[] }[];
    readonly batches?: readonly object[];
    readonly body?: Buffer;
    readonly verdicts?: readonly RecordVerdict[];
    readonly quarantine?: readonly object[];
  }

  async function get(stored: Stored, asked = id): Promise<Answer> {
    const { claims = [], batches = [], verdicts, quarantine } = stored;
    const lines = (list: readonly object[] = []): Buffer =>
      Buffer.from(list.map((one) => `${JSON.stringify(one)}\n`).join(''));
    const counts = {
      upserted: 1,
      unchanged: 0,
      stale: 0,
      quarantined: quarantine ? 1 : 0,
      deadLettered: 0,
      notApplied: 0,
    };
    const blobs: Partial<Blobs> = {
      read: (container) =>
        Promise.resolve(
          { inbox: stored.body, verdicts: lines(verdicts), quarantine: lines(quarantine) }[
            container as 'inbox'
          ],
        ),
      // oxlint-disable-next-line require-yield -- without verdicts there is none
      async *list() {
        if (verdicts)
          yield {
            name: `${part.batchId}/00000.ndjson`,
            bytes: 1,
            modifiedOn: NOW,
            metadata: metadataOf(counts),
          };
      },
    };
    const found = batches as readonly Batch[];
    const deps = {
      ingest: {
        blobs,
        batches: {
          read: (name: string) =>
            Promise.resolve(
              found.filter((one) => one.id === name).map((one) => ({ batch: one, etag: '' }))[0],
            ),
        },
        config: { signingKey: SECRET },
      },
      ingress: { claims: { around: () => Promise.resolve(claims as unknown as Claim[]) } },
    } as unknown as IngressTriggerDeps;
    const request = { params: { recordId: asked } } as unknown as HttpRequest;
    const { status, body: text } = await answering(createGetRecord(deps))(request, context);
    return { status, document: JSON.parse(text as string) as Record<string, unknown> };
  }
  const metadataOf = (counts: object): Record<string, string> => ({
    ...Object.fromEntries(Object.entries(counts).map(([name, count]) => [name.toLowerCase(), String(count)])),
    ru: '0',
  });

  test('an id that nobody was given is unknown', async () => {
    for (const asked of [
      '',
      'x',
      `${id}0`,
      id.toUpperCase(),
      id.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
    ])
      expect(await get({}, asked)).toMatchObject({ status: 404, document: { code: 'unknown-record' } });
  });

  test('before it is claimed, and before its batch is reserved, a record is on its way', async () => {
    const expected = { status: 200, document: { id, verdict: 'inFlight' } };
    expect(await get({})).toMatchObject(expected);
    expect((await get({ claims: [{ parts: [part] }] })).document).toEqual(expected.document);
  });

  test('in a batch it is found by its line, and then by its verdict', async () => {
    const stored = {
      // Others of the same time come first: of other data sets, other records, or not reserved.
      claims: [
        {
          parts: [
            { ...part, batchId: 'none' },
            { ...part, from: part.to + 1, to: part.to + 1 },
          ],
        },
        { parts: [part] },
      ],
      batches: [batch],
      body,
    };
    const where = { id, dataset: 'readings', batchId: part.batchId, index: 1 };
    expect((await get(stored)).document).toEqual({ ...where, verdict: 'inFlight' });
    const verdict = { index: 1, key: 'a', verdict: 'upserted', version: 3 } as const;
    const verdicts: RecordVerdict[] = [{ index: 0, key: 'b', verdict: 'unchanged', version: 1 }, verdict];
    expect((await get({ ...stored, verdicts })).document).toEqual({ ...where, ...verdict });
    expect((await get({ ...stored, verdicts }, other)).document).toMatchObject({
      id: other,
      verdict: 'unchanged',
    });
    const spoilt: RecordVerdict = { index: 1, key: 'a', verdict: 'quarantined' };
    const reason = { index: 1, key: 'a', schemaVersion: '1+a', errors: [], record: {} };
    const quarantined = await get({ ...stored, verdicts: [spoilt], quarantine: [reason] });
    expect(quarantined.document).toEqual({
      ...where,
      ...spoilt,
      schemaVersion: '1+a',
      errors: [],
      record: {},
    });
  });

  test('a record that is in none of the claims of its time is on its way', async () => {
    const absent = makeRecordId(SECRET, place, '00000000-0000-4000-8000-000000000003');
    const { document } = await get({ claims: [{ parts: [part] }], batches: [batch], body }, absent);
    expect(document).toEqual({ id: absent, verdict: 'inFlight' });
  });
});
