import { Readable } from 'node:stream';
import { RestError, type BlobClient, type BlobGetPropertiesResponse } from '@azure/storage-blob';
import { copyBlob, readableProperties } from '../../src/clients/blobCopy';
import { streamBlob } from '../../src/clients/blobStream';

/** What the real service does and the local one does not: a copy may be pending, and may fail afterwards. */

type CopyStatus = BlobGetPropertiesResponse['copyStatus'];

const refused = (statusCode: number, code: string): RestError => new RestError(code, { code, statusCode });

/** A target whose copies go through these states, one each time it is looked at; the last one stays. */
class Target {
  readonly containerName = 'archive';
  readonly name = 'target';
  begun = 0;
  removed = 0;
  private states: CopyStatus[] | undefined;

  constructor(private readonly copies: CopyStatus[][]) {}

  /** As if another execution had begun it. */
  already(states: CopyStatus[]): this {
    this.states = [...states];
    return this;
  }

  async exists(): Promise<boolean> {
    return Promise.resolve(this.states !== undefined);
  }

  async beginCopyFromURL(): Promise<void> {
    await Promise.resolve();
    if (this.states) throw refused(409, 'BlobAlreadyExists');
    this.states = [...(this.copies[this.begun++] ?? [])];
  }

  async getProperties(): Promise<Partial<BlobGetPropertiesResponse>> {
    await Promise.resolve();
    if (!this.states) throw refused(404, 'BlobNotFound');
    const copyStatus = this.states.length > 1 ? this.states.shift() : this.states[0];
    return { copyStatus, etag: '"target"' };
  }

  async deleteIfExists({ conditions }: { conditions: { ifMatch?: string } }): Promise<void> {
    await Promise.resolve();
    expect(conditions).toEqual({ ifMatch: '"target"' });
    this.states = undefined;
    this.removed++;
  }
}

const source = (etag: string | null) =>
  ({
    containerName: 'uploads',
    name: 'source',
    getProperties: () =>
      etag === null ? Promise.reject(refused(404, 'BlobNotFound')) : Promise.resolve({ etag }),
  }) as unknown as BlobClient;

/** More than the service copies before it answers. */
const LARGE = 256 * 1024 * 1024 + 1;

/** @param etag of the source at present; null when it is gone */
const copy = (target: Target, etag: string | null = '"1"') =>
  copyBlob(source(etag), target as unknown as BlobClient, { etag: '"1"', bytes: LARGE }, () =>
    Promise.resolve('https://x'),
  );

test('a copy that is pending is waited for', async () => {
  expect(await copy(new Target([['pending', 'pending', 'success']]))).toBe('copied');
});

test('so is one that another execution has begun', async () => {
  expect(await copy(new Target([]).already(['pending', 'success']))).toBe('exists');
});

test.each(['failed', 'aborted'] as const)(
  'one that %s is removed and made anew, since it would pass for the copy',
  async (status) => {
    const target = new Target([['success']]).already(['pending', status]);
    expect(await copy(target)).toBe('copied');
    expect([target.begun, target.removed]).toEqual([1, 1]);
  },
);

test('one that fails every time is an error, and leaves nothing', async () => {
  const target = new Target([['failed'], ['failed'], ['failed'], ['failed']]);
  await expect(copy(target)).rejects.toThrow('failed 3 times');
  expect([target.begun, target.removed, await target.exists()]).toEqual([3, 3, false]);
});

test.each([
  ['"2"', 'changed'],
  [null, 'missing'],
])('after a failure the source is looked at: with the ETag %s it is %s', async (etag, outcome) => {
  const target = new Target([['pending', 'failed']]);
  const begin = target.beginCopyFromURL.bind(target);
  // The service refuses to begin a copy of what is not there any more.
  target.beginCopyFromURL = () =>
    target.begun === 0 ? begin() : Promise.reject(refused(412, 'SourceConditionNotMet'));
  expect(await copy(target, etag)).toBe(outcome);
  expect(await target.exists()).toBe(false);
});

test('what says nothing of source or target is thrown', async () => {
  const target = new Target([]);
  target.beginCopyFromURL = () => Promise.reject(refused(403, 'AuthorizationPermissionMismatch'));
  await expect(copy(target)).rejects.toThrow('AuthorizationPermissionMismatch');
});

test.each(['pending', 'failed', 'aborted'] as const)(
  'a copy that is %s is not taken for its content',
  async (copyStatus) => {
    const body = Readable.from([Buffer.from('x')]);
    const client = {
      getProperties: () => Promise.resolve({ copyStatus, etag: '"1"' }),
      download: () =>
        Promise.resolve({ copyStatus, etag: '"1"', contentLength: 1, readableStreamBody: body }),
    } as unknown as BlobClient;
    expect(await streamBlob(client)).toBeUndefined();
    expect(body.destroyed).toBe(true);
    expect(await readableProperties(client)).toBeUndefined();
  },
);
