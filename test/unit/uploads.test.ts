import type { HttpRequest, InvocationContext } from '@azure/functions';
import { createBatches, type OpenUpload } from '../../src/clients/batches';
import type { BlobDescription } from '../../src/clients/blobs';
import { uploadName } from '../../src/domain/ingest/names';
import { isPastNaming, mayBeNamed, MAX_GRANT_MINUTES, UPLOAD_KEPT_MS } from '../../src/domain/ingest/upload';
import type { TriggerDeps } from '../../src/triggers/ingest/deps';
import { createPostUpload } from '../../src/triggers/ingest/postUpload';
import { createSweepUploads } from '../../src/triggers/ingest/sweepUploads';
import { findUpload } from '../../src/triggers/ingest/uploads';
import { newContainer, startEndpoint } from '../conformance/cosmos/harness';
import { fc } from '../support/properties';
import { readings } from './builders';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = Date.parse('2026-03-01T12:00:00.250Z');
const ID = '0123456789abcdef0123456789abcdef';

describe('asking for an upload', () => {
  const granted: unknown[] = [];
  const post = createPostUpload({
    schemas: { all: new Map([['readings', readings()]]) },
    now: () => new Date(NOW),
    config: { uploadGrantMs: HOUR, limits: { uploadBytes: 5_000 } },
    blobs: {
      grant: (...given: unknown[]) => {
        granted.push(given);
        return Promise.resolve('https://blobs/with?sig');
      },
    },
  } as unknown as TriggerDeps);
  const request = (body: string, headers: Record<string, string> = {}, dataset = 'readings') =>
    post(
      {
        url: `https://app.example/api/datasets/${dataset}/uploads`,
        params: { dataset },
        headers: new Headers(headers),
        arrayBuffer: () => Promise.resolve(new TextEncoder().encode(body).buffer),
      } as unknown as HttpRequest,
      {} as InvocationContext,
    );

  beforeEach(() => granted.splice(0));

  test('gives a link for one blob, and says what to do with it', async () => {
    const { status, body, headers } = await request('', { 'content-length': '0' });
    const answer = JSON.parse(body as string) as Record<string, unknown>;
    const { uploadId } = answer;
    expect(uploadId).toMatch(/^[0-9a-f]{32}$/);
    expect(status).toBe(201);
    expect(answer).toEqual({
      uploadId,
      uploadUrl: 'https://blobs/with?sig',
      method: 'PUT',
      headers: { 'x-ms-blob-type': 'BlockBlob' },
      expiresAt: '2026-03-01T13:00:00.000Z',
      maxBytes: 5_000,
      batchUrl: `https://app.example/api/datasets/readings/batches?upload=${String(uploadId)}`,
    });
    expect(headers).toMatchObject({ 'Cache-Control': 'no-store' });
    expect(headers).not.toHaveProperty('Location');
    const end = new Date('2026-03-01T13:00:00.000Z');
    expect(granted).toEqual([['uploads', `readings/${String(uploadId)}`, end]]);
  });

  test('gives each another', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => request('').then(({ body }) => body)));
    expect(new Set(ids).size).toBe(20);
  });

  test('takes no body, declared or not, and no unknown data set', async () => {
    const refusal = { code: 'invalid-parameter', members: { parameter: 'body' } };
    await expect(request('{}')).rejects.toMatchObject(refusal);
    await expect(request('', { 'content-length': '9999999999' })).rejects.toMatchObject(refusal);
    await expect(request('', {}, 'others')).rejects.toMatchObject({ code: 'unknown-dataset' });
    expect(granted).toEqual([]);
  });
});

describe('finding the upload that a batch names', () => {
  const find = (found: Partial<BlobDescription> | undefined, id = ID) => {
    const asked: string[] = [];
    const described = { bytes: 10, etag: '"1"', modifiedOn: new Date(NOW - HOUR), ...found };
    const outcome = findUpload(
      {
        blobs: {
          describe: (_container, name) => {
            asked.push(name);
            return Promise.resolve(found && described);
          },
        },
        config: { limits: { uploadBytes: 10 } },
        now: () => new Date(NOW),
      },
      'readings',
      id,
    );
    return { outcome, asked };
  };

  test('answers the content that is there', async () => {
    const { outcome, asked } = find({});
    expect(await outcome).toEqual({ id: ID, etag: '"1"', bytes: 10 });
    expect(asked).toEqual([`readings/${ID}`]);
  });

  test.each([
    ['unknown-upload', undefined],
    ['unknown-upload', { modifiedOn: new Date(NOW - UPLOAD_KEPT_MS - 1) }],
    ['upload-too-large', { bytes: 11 }],
    ['empty-batch', { bytes: 0 }],
  ])('refuses with %s', async (code, found) => {
    await expect(find(found).outcome).rejects.toMatchObject({ code });
  });

  test.each(['', '..', `../readings/${ID}`, ID.toUpperCase(), `${ID}0`, 'x'.repeat(5_000)])(
    'does not look for an id like %j',
    async (id) => {
      const { outcome, asked } = find({}, id);
      await expect(outcome).rejects.toMatchObject({ code: 'unknown-upload' });
      expect(asked).toEqual([]);
    },
  );
});

/** Uploads and batches, whose requests take time. */
class World {
  now = NOW;
  readonly uploads = new Map<string, { etag: string; modified: number }>();
  readonly open = new Map<string, OpenUpload>();
  readonly errors: string[] = [];
  readonly unremovable = new Set<string>();

  constructor(private readonly turn: () => Promise<unknown> = () => Promise.resolve()) {}

  put(name: string, etag = '"1"'): void {
    this.uploads.set(name, { etag, modified: this.now });
  }

  async sweep(): Promise<void> {
    const context = { error: (message: string) => this.errors.push(message) };
    await createSweepUploads(this.deps())(undefined, context as unknown as InvocationContext);
  }

  deps(): TriggerDeps {
    const blobs = {
      list: () => this.list(),
      describe: async (_container: string, name: string) => {
        await this.turn();
        const found = this.uploads.get(name);
        return found && { bytes: 1, etag: found.etag, modifiedOn: new Date(found.modified) };
      },
      remove: async (_container: string, name: string, unmodifiedSince: Date) => {
        await this.turn();
        if (this.unremovable.has(name)) throw new Error('refused');
        const found = this.uploads.get(name);
        if (found && found.modified <= unmodifiedSince.getTime()) this.uploads.delete(name);
      },
    };
    const batches = {
      openUploads: async () => {
        await this.turn();
        return [...this.open.values()];
      },
    };
    const config = { limits: { uploadBytes: 10 } };
    return { blobs, batches, config, now: () => new Date(this.now) } as unknown as TriggerDeps;
  }

  private async *list() {
    await this.turn();
    for (const [name, { modified }] of this.uploads)
      yield { name, bytes: 1, modifiedOn: new Date(modified), metadata: {} };
  }
}

const id = (number: number): string => String(number).padStart(32, '0');

describe('the sweep of uploads', () => {
  test('removes what is old and no open batch names', async () => {
    const world = new World();
    for (const number of [1, 2, 3]) world.put(uploadName('readings', id(number)));
    world.put(uploadName('others', id(1)));
    world.open.set('batch', { dataset: 'readings', uploadId: id(1) });
    world.now += UPLOAD_KEPT_MS + HOUR;
    await world.sweep();
    expect(world.uploads.size).toBe(4);
    world.put(uploadName('readings', id(3)), '"2"');
    world.now += 1;
    await world.sweep();
    const left = [uploadName('readings', id(1)), uploadName('readings', id(3))];
    expect([...world.uploads.keys()]).toEqual(left);
    world.open.clear();
    await world.sweep();
    expect([...world.uploads.keys()]).toEqual(left.slice(1));
  });

  test('goes on past one that cannot be removed, and past a slice', async () => {
    const world = new World();
    for (let number = 0; number < 250; number++) world.put(uploadName('readings', id(number)));
    world.unremovable.add(uploadName('readings', id(7)));
    world.now += 2 * UPLOAD_KEPT_MS;
    await world.sweep();
    expect([...world.uploads.keys()]).toEqual([...world.unremovable]);
    expect(world.errors).toEqual([expect.stringContaining(id(7))]);
  });

  test('removes nothing while it is not known which batches are open', async () => {
    const world = new World();
    world.put(uploadName('readings', id(1)));
    world.now += 2 * UPLOAD_KEPT_MS;
    const deps = world.deps();
    const batches = { ...deps.batches, openUploads: () => Promise.reject(new Error('away')) };
    const sweep = createSweepUploads({ ...deps, batches });
    await expect(sweep(undefined, {} as InvocationContext)).rejects.toThrow('away');
    expect(world.uploads.size).toBe(1);
  });
});

describe('what an accepted batch needs', () => {
  /** How long a request takes at most, from finding its upload to the reservation. */
  const REQUEST_MS = 10 * MINUTE;

  /**
   * Batches are posted about the moments at which an upload may be named last and removed first, while it is swept.
   * @param late how long a request may take, ms
   */
  const property = (late: number) =>
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(
        fc.record({
          at: fc.oneof(
            fc.integer({ min: -5, max: 5 }).map((ms) => UPLOAD_KEPT_MS + ms),
            fc.integer({ min: 0, max: UPLOAD_KEPT_MS }),
          ),
          takes: fc.integer({ min: 0, max: late }),
        }),
        { minLength: 1, maxLength: 3 },
      ),
      fc.array(
        fc.integer({ min: -5, max: late }).map((ms) => UPLOAD_KEPT_MS + HOUR + ms),
        {
          minLength: 1,
          maxLength: 3,
        },
      ),
      async (scheduler, posts, sweeps) => {
        const world = new World(() => scheduler.schedule(Promise.resolve()));
        const name = uploadName('readings', ID);
        world.put(name);
        const accepted: string[] = [];
        const steps = [
          ...posts.flatMap(({ at, takes }, index) => {
            let found: Promise<boolean> | undefined;
            return [
              {
                at,
                run: () => {
                  found = findUpload(world.deps(), 'readings', ID).then(
                    () => true,
                    () => false,
                  );
                  return found;
                },
              },
              {
                at: at + takes,
                run: async () => {
                  if (!(await found)) return;
                  accepted.push(String(index));
                  world.open.set(String(index), { dataset: 'readings', uploadId: ID });
                },
              },
            ];
          }),
          ...sweeps.map((at) => ({ at, run: () => world.sweep() })),
        ].sort((a, b) => a.at - b.at);
        // What begins in one moment runs interleaved.
        for (const moment of new Set(steps.map(({ at }) => at))) {
          world.now = NOW + moment;
          const due = steps.filter(({ at }) => at === moment);
          await scheduler.waitFor(Promise.all(due.map(({ run }) => run())));
        }
        if (accepted.length > 0) expect(world.uploads.has(name)).toBe(true);
      },
    );

  test('is there, whenever it was posted and however often it was swept', async () => {
    await fc.assert(property(REQUEST_MS), { numRuns: 300 });
  });

  test('is lost to a request that lives longer than the margin: the property can fail', async () => {
    const found = await fc.check(property(3 * HOUR), { numRuns: 3_000, endOnFailure: true });
    expect(found.failed).toBe(true);
  });

  test('the rules leave a margin between the last naming and the first removal', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 * UPLOAD_KEPT_MS }), (age) => {
        const modified = new Date(NOW - age);
        expect(
          mayBeNamed(modified, new Date(NOW)) && isPastNaming(modified, new Date(NOW + 30 * MINUTE)),
        ).toBe(false);
      }),
    );
    // Nor can anybody write to an upload any more when it may be removed.
    expect(MAX_GRANT_MINUTES * MINUTE).toBeLessThanOrEqual(UPLOAD_KEPT_MS);
  });
});

test('the store of batches tells which uploads open batches are made of', async () => {
  const endpoint = await startEndpoint();
  try {
    const container = await newContainer(endpoint.database, { partitionKey: { paths: ['/id'] } });
    const batches = createBatches(() => Promise.resolve(container));
    const batch = (name: string, status: string, upload?: object) =>
      container.items.create({ id: name, dataset: 'readings', status, ...(upload ? { upload } : {}) });
    await batch('a', 'accepted', { id: id(1), etag: '"1"' });
    await batch('b', 'running', { id: id(2), etag: '"1"' });
    await batch('c', 'completed', { id: id(3), etag: '"1"' });
    await batch('d', 'failed', { id: id(4), etag: '"1"' });
    await batch('e', 'accepted');
    const open = await batches.openUploads();
    expect(open.sort((x, y) => x.uploadId.localeCompare(y.uploadId))).toEqual([
      { dataset: 'readings', uploadId: id(1) },
      { dataset: 'readings', uploadId: id(2) },
    ]);
  } finally {
    await endpoint.dispose();
  }
});
