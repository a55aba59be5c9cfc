/** Bodies at the doors by which batches come in: each answer is held against what the body says. */
import type { AcceptedBatch } from '../../../tools/lib/api';
import type { Accepted } from './accepted';
import { answerFaults, labelOf, refusalFaults, send, type Answer } from './answers';
import type { Body } from './bodies';
import { DOORS, type Door } from './doors';
import { dryRunFaults, quarantinedIn } from './dry-runs';
import type { Meaning } from './expected';
import { batchMeaning } from './meaning';
import { redriveMeaning } from './redrive-meaning';
import { uploadMeaning } from './upload-meaning';
import type { Visit } from './visits';
import { LIMITS, type World } from './world';

export type BatchDoor = Door & { to: 'batches' };

/** Counts bodies at one door. */
const turnOf = ({ number }: Body): number => Math.floor(number / DOORS.length);

export function visitBatches(world: World, door: BatchDoor, body: Body): Promise<Visit> {
  return { post, dryRun, upload, redrive }[door.way](world, door, body);
}

const visited = (answer: Answer, faults: readonly string[], accepted?: Accepted): Visit => ({
  outcome: labelOf(answer),
  ms: answer.ms,
  faults,
  ...(accepted ? { accepted } : {}),
});

const pathOf = ({ good: { dataset } }: Body, query: string): string =>
  `/api/datasets/${dataset}/batches${query}`;

const wronglyTaken = ({ refusals }: Meaning): string => `It was accepted, expected ${refusals.join(' or ')}.`;

/** Looks at the answer to a body that is read before it is answered. */
function answered(answer: Answer, meaning: Meaning, door: BatchDoor, body: Body): Visit {
  const { refusals, records } = meaning;
  if (answer.status !== 202) return visited(answer, refusalFaults(answer, refusals));
  if (!records) return visited(answer, [wronglyTaken(meaning)]);
  const { batchId, accepted } = answer.json as AcceptedBatch;
  const { dataset } = body.good;
  const isCounted = accepted === records.length;
  const faults = isCounted ? [] : [`${accepted} records were accepted, ${records.length} were sent.`];
  return visited(answer, [...answerFaults(answer), ...faults], {
    batchId,
    body,
    dataset,
    records,
    onInvalid: door.onInvalid,
  });
}

async function post(world: World, door: BatchDoor, body: Body): Promise<Visit> {
  const path = pathOf(body, door.onInvalid === 'reject' ? '?onInvalid=reject' : '');
  const answer = await send(world.hw.api, { method: 'POST', path, body });
  return answered(answer, batchMeaning(body, LIMITS), door, body);
}

/** Every second body is posted after its dry run: what was foretold has to come true. */
const POSTED = 2;

async function dryRun(world: World, door: BatchDoor, body: Body): Promise<Visit> {
  const path = pathOf(body, '?validate=only');
  const answer = await send(world.hw.api, { method: 'POST', path, body });
  const meaning = batchMeaning(body, LIMITS);
  if (answer.status !== 200) return visited(answer, refusalFaults(answer, meaning.refusals));
  if (!meaning.records) return visited(answer, [wronglyTaken(meaning)]);
  const faults = [...answerFaults(answer), ...dryRunFaults(answer.json, body, meaning.records)];
  const foretold = quarantinedIn(answer.json);
  if (faults.length > 0 || !foretold || turnOf(body) % POSTED > 0) return visited(answer, faults);
  const { accepted, faults: more } = await post(world, door, body);
  return { ...visited(answer, more), ...(accepted ? { accepted: { ...accepted, foretold } } : {}) };
}

interface Granted {
  readonly uploadId: string;
  readonly uploadUrl: string;
  readonly method: string;
  readonly headers: Record<string, string>;
}

const HANGS_AFTER_MS = 60_000;

async function upload(world: World, door: BatchDoor, body: Body): Promise<Visit> {
  const { api } = world.hw;
  const { dataset } = body.good;
  const granted = await send(api, { method: 'POST', path: `/api/datasets/${dataset}/uploads` });
  if (granted.status !== 201) return visited(granted, refusalFaults(granted, []));
  const { uploadId, uploadUrl, method, headers } = granted.json as Granted;
  // Without the key of the app: the link is all that is needed.
  const stored = await fetch(uploadUrl, {
    method,
    headers,
    body: new Uint8Array(body.bytes),
    signal: AbortSignal.timeout(HANGS_AFTER_MS),
  });
  const text = await stored.text();
  if (stored.status !== 201) return visited(granted, [`The PUT was answered ${stored.status}: ${text}`]);
  world.uploads.add(`${dataset}/${uploadId}`);
  const answer = await send(api, {
    method: 'POST',
    path: pathOf(body, `?upload=${uploadId}`),
    body: { ...body, bytes: Buffer.alloc(0), streamed: false },
  });
  const { refusals, records, failures } = uploadMeaning(body, LIMITS);
  if (answer.status !== 202) return visited(answer, refusalFaults(answer, refusals));
  const { batchId, accepted } = answer.json as AcceptedBatch;
  const faults = answerFaults(answer);
  if (refusals.length > 0) faults.push(`It was accepted, expected ${refusals.join(' or ')}.`);
  if (accepted !== null) faults.push(`${accepted} records of an upload were accepted before it was read.`);
  const { onInvalid } = door;
  return visited(answer, faults, { batchId, body, dataset, records: records ?? [], onInvalid, failures });
}

async function redrive(world: World, door: BatchDoor, body: Body): Promise<Visit> {
  const origin = world.origins[turnOf(body) % world.origins.length];
  if (!origin) throw new Error('There is nothing to redrive.');
  const path = `/api/batches/${origin.batchId}/redrive`;
  const answer = await send(world.hw.api, { method: 'POST', path, body });
  const { accepted, ...visit } = answered(answer, redriveMeaning(body, LIMITS, origin), door, body);
  if (!accepted) return visit;
  const { redriveOf } = answer.json as { redriveOf?: unknown };
  const faults = redriveOf === origin.batchId ? [] : [`It is said to be a redrive of ${String(redriveOf)}.`];
  return {
    ...visit,
    faults: [...visit.faults, ...faults],
    accepted: { ...accepted, redriveOf: origin.batchId },
  };
}
