import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import { createCloseBatch } from '../../src/activities/ingest/closeBatch';
import { createIngestActivities } from '../../src/activities/ingest';
import { createRebuildVerdicts } from '../../src/activities/ingest/rebuildVerdicts';
import type { SeenBatch } from '../../src/activities/ingest/openBatch';
import { loadSchemas, type Schemas } from '../../src/clients/schemas';
import { headerOf, type Batch, type Failure } from '../../src/domain/ingest/batch';
import type { Accept } from '../../src/triggers/ingest/acceptance';
import type { TriggerDeps } from '../../src/triggers/ingest/deps';
import { createPostBatch } from '../../src/triggers/ingest/postBatch';
import { idempotencyKey } from '../../src/triggers/ingest/reception';
import { createRedrive } from '../../src/triggers/ingest/redrive';
import { reserve, type Reservation } from '../../src/triggers/ingest/reservation';
import { createSweepInbox } from '../../src/triggers/ingest/sweep';
import { createSweepUploads } from '../../src/triggers/ingest/sweepUploads';
import { Instance } from './durable-model';
import { Process, Stores, type Fault } from './stores-model';

/** A small data set with all there is: an event time, a deletion, a media field, and documents that the store refuses. */
export const SHOTS_SCHEMA = {
  'x-headwater': {
    version: 1,
    key: '/id',
    eventTime: { pointer: '/at', format: 'epoch-seconds', allowedSkewSeconds: 60 },
    deletion: { pointer: '/gone', equals: true },
    media: [{ pointer: '/picture', contentType: 'image/jpeg' }],
  },
  type: 'object',
  properties: {
    id: { type: 'string' },
    at: { type: 'integer' },
    size: { type: 'integer' },
    gone: { type: 'boolean' },
    picture: { type: 'string' },
    refusal: { enum: ['named', 'nameless'] },
  },
  required: ['id', 'at'],
  additionalProperties: false,
} as const;

/** Groups and chunks of a few records, so that a few dozen make several. */
const SMALL_SPLIT = {
  chunkRecords: 6,
  chunkBytes: 1_000_000,
  groupRecords: 3,
  groupBytes: 1_000_000,
  openBytes: 1_000_000,
};

/** The schemas as every process loads them. */
export function loadShots(): Schemas {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-schemas-'));
  try {
    writeFileSync(join(folder, 'shots.json'), JSON.stringify(SHOTS_SCHEMA));
    const blobs = {
      create: () => Promise.resolve('created' as const),
      read: () => Promise.resolve(undefined),
    };
    return loadSchemas(folder, blobs);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A request of a producer, who repeats it until it is answered. */
export interface Request {
  readonly key: string;
  readonly contentType: string;
  readonly contentEncoding?: string;
  readonly body?: string | Buffer;
  /** The content of the upload that it names. */
  readonly upload?: Buffer;
  readonly onInvalid?: 'reject';
  /** Re-drives records of this batch. */
  readonly redriveOf?: string;
  readonly verdict?: string;
}

export const UPLOAD_ID = '0123456789abcdef0123456789abcdef';
export const UPLOAD = `uploads/shots/${UPLOAD_ID}`;

function httpRequest(request: Request): HttpRequest {
  const headers = new Map([
    ['content-type', request.contentType],
    ['idempotency-key', request.key],
    ...(request.contentEncoding === undefined
      ? []
      : [['content-encoding', request.contentEncoding] as const]),
  ]);
  const { onInvalid, upload, verdict, redriveOf } = request;
  const blob = new Blob([new Uint8Array(Buffer.from(request.body ?? ''))]);
  const query = new URLSearchParams({
    ...(onInvalid ? { onInvalid } : {}),
    ...(upload ? { upload: UPLOAD_ID } : {}),
    ...(verdict === undefined ? {} : { verdict }),
  });
  return {
    params: { dataset: 'shots', batchId: redriveOf },
    headers: { get: (name: string) => headers.get(name) ?? null },
    query,
    body: blob.stream(),
    arrayBuffer: () => blob.arrayBuffer(),
  } as unknown as HttpRequest;
}

/** The app, run by processes that come and go on the same stores. */
export class World {
  /** Bodies that are archived as they were sent, by batch. */
  readonly sent = new Map<string, Buffer>();
  private readonly instances = new Map<string, Instance>();
  /** What happens when a batch's process is gone, and the next one has not begun. */
  betweenProcesses: (() => Promise<void>) | undefined;

  constructor(
    private readonly schemas: Schemas,
    /** Bounds of uploads, which a deployment may change. */
    public uploads = { maxBytes: 100_000, maxRecords: 1_000 },
    public splitLimits = SMALL_SPLIT,
    readonly stores = new Stores(),
  ) {}

  /** Another one, in which the same has happened so far. */
  fork(): World {
    const world = new World(this.schemas, this.uploads, this.splitLimits, this.stores.fork());
    for (const [id, body] of this.sent) world.sent.set(id, body);
    return world;
  }

  process(fault?: Fault): Process {
    return new Process(this.stores, fault);
  }

  deps({ stores, blobs, batches, documents, hub }: Process): TriggerDeps {
    const limits = { batchBytes: 100_000, batchRecords: 1_000, uploadBytes: 100_000 };
    const config = { limits, idempotencyLifetimeMs: 3_600_000 } as TriggerDeps['config'];
    return {
      config,
      blobs,
      batches,
      documents,
      hub,
      schemas: this.schemas,
      uploads: this.uploads,
      splitLimits: this.splitLimits,
      groupConcurrency: 2,
      markerTtlSeconds: 60,
      fanOut: 2,
      now: () => new Date(stores.now),
    };
  }

  /** What a request is accepted as, by the app's own handlers. */
  async reserve(deps: TriggerDeps, request: Request): Promise<Reservation> {
    let reservation: Reservation | undefined;
    const accept: Accept = async (http, _context, _dataset, receive): Promise<HttpResponseInit> => {
      reservation = await reserve(deps, await receive(), idempotencyKey(http));
      return { status: 202 };
    };
    const handler =
      request.redriveOf === undefined ? createPostBatch(deps, accept) : createRedrive(deps, accept);
    await handler(httpRequest(request), {} as InvocationContext);
    return reservation as Reservation;
  }

  /** The producer's part, as {@link reserve}, again and again until there is an answer. */
  async accepted(request: Request, first: Process): Promise<{ id: string; process: Process }> {
    if (request.upload && !this.stores.blobs.has(UPLOAD)) this.stores.putBlob(UPLOAD, request.upload);
    for (let process = first; ;) {
      const id = await Promise.race([
        process.killed,
        this.reserve(this.deps(process), request)
          .then(({ batch }) => batch.id)
          .catch((error: unknown) => {
            if (error instanceof Error && error.message === 'The connection broke.') return 'failed' as const;
            throw error;
          }),
      ]);
      if (id === 'killed') process = this.process();
      else if (id !== 'failed') {
        const { upload, body, contentEncoding, redriveOf } = request;
        const asSent = redriveOf === undefined && contentEncoding === undefined;
        const asArchived = upload ?? (asSent ? body : undefined);
        if (asArchived !== undefined) this.sent.set(id, Buffer.from(asArchived));
        return { id, process };
      }
    }
  }

  /** A batch as whoever starts it sees it. */
  seen(id: string): SeenBatch {
    const { batch, etag } = this.stores.batches.get(id) as { batch: Batch; etag: string };
    return { header: headerOf(batch), etag };
  }

  /** Runs a batch to its end, in one process after the other. */
  async run(id: string, first = this.process()): Promise<void> {
    const instance = this.instances.get(id) ?? new Instance(this.seen(id));
    this.instances.set(id, instance);
    await this.runInstance(instance, first);
  }

  /** The platform starts an instance again that has ended; its history begins anew. */
  async startAgain(seen: SeenBatch): Promise<void> {
    await this.runInstance(new Instance(seen), this.process());
  }

  private async runInstance(instance: Instance, first: Process): Promise<void> {
    for (let process = first; ; process = this.process()) {
      const ended = await instance.run(process, createIngestActivities(this.deps(process)));
      if (ended.type === 'failed') throw ended.error;
      if (ended.type === 'completed') return;
      await this.betweenProcesses?.();
    }
  }

  /** A request and its batch, run by a process that may come to nothing. @returns the id of the batch */
  async land(request: Request, first = this.process()): Promise<string> {
    const { id, process } = await this.accepted(request, first);
    await this.run(id, process);
    return id;
  }

  /** As the sweep closes a batch, by another process when one was killed. */
  async close(id: string, first = this.process()): Promise<void> {
    for (let process = first; ; process = this.process()) {
      const work = createCloseBatch(this.deps(process))(id, TERMINATED);
      if ((await Promise.race([work, process.killed])) !== 'killed') return;
    }
  }

  /** As the sweep makes a lost verdict file again, in the next round when it fails. */
  async rebuild(batch: Batch, chunk: number, first: Process): Promise<void> {
    let process = first;
    for (let round = 0; round < 3; round++) {
      const work = createRebuildVerdicts(this.deps(process))(batch, chunk).catch(() => 'failed');
      if ((await Promise.race([work, process.killed])) === 'rebuilt') return;
      if (process.isKilled) process = this.process();
    }
    throw new Error('It is not made again.');
  }

  /** The timers that remove what nobody needs any more, two days later. */
  async sweep(): Promise<void> {
    this.stores.now += 2 * 86_400_000;
    const deps = this.deps(this.process());
    const context = {
      error: (text: string) => {
        throw new Error(text);
      },
    } as unknown as InvocationContext;
    await createSweepUploads(deps)(undefined, context);
    await createSweepInbox(deps, { byId: () => Promise.resolve(undefined) })(undefined, context);
  }
}

const TERMINATED: Failure = { code: 'terminated', message: 'The batch was terminated.' };
