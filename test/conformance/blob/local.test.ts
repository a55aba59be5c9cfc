import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { BlobSASPermissions } from '@azure/storage-blob';
import { content, onEachBackend, refusal } from './backends';

interface Answer {
  status: number | undefined;
  code: string | string[] | undefined;
}

/** A request that the SDK would not make. */
function send(
  base: string,
  method: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const message = request({ hostname, port, method, path, headers }, (reply) => {
      reply.resume();
      reply.on('end', () => resolve({ status: reply.statusCode, code: reply.headers['x-ms-error-code'] }));
    });
    message.on('error', reject);
    message.end();
  });
}

onEachBackend(
  'the local endpoint',
  (context) => {
    const blobOf = (name: string) => context().container.getBlockBlobClient(name);

    test('says of what it lacks that it is not implemented', async () => {
      const { service, container } = context();
      const blob = blobOf('lacking');
      await blob.upload('x', 1);
      const refused = await Promise.all(
        [
          container.getAppendBlobClient('append').create(),
          container.getPageBlobClient('page').create(512),
          blob.createSnapshot(),
          blob.setTags({ a: '1' }),
          blob.getTags(),
          blob.setAccessTier('Cool'),
          blob.upload('x', 1, { tier: 'Cool' }),
          blob.upload('x', 1, { tags: { a: '1' } }),
          blob.undelete(),
          blob.syncUploadFromURL('https://elsewhere.example/account/container/blob'),
          blob.stageBlockFromURL('AAAA', 'https://elsewhere.example/account/container/blob'),
          blob.syncCopyFromURL('https://elsewhere.example/account/container/blob'),
          blob.withSnapshot('2026-01-01T00:00:00.0000000Z').download(),
          service.setProperties({}),
          service.getUserDelegationKey(new Date(), new Date(Date.now() + 3_600_000)),
          container.listBlobsFlat({ includeImmutabilityPolicy: true }).byPage().next(),
        ].map(refusal),
      );
      expect(new Set(refused)).toEqual(new Set(['501 NotImplemented']));
    });

    // The service takes up to 30 seconds before a policy holds.
    test('lets a stored access policy say what a SAS leaves out, until it is gone', async () => {
      const { container } = context();
      const blob = blobOf('by-policy');
      await blob.upload('x', 1);
      const expiresOn = new Date(Date.now() + 3_600_000);
      const reader = { id: 'reader', accessPolicy: { permissions: 'r', expiresOn } };
      await container.setAccessPolicy(undefined, [
        reader,
        { id: 'late', accessPolicy: { permissions: 'r', expiresOn: new Date(Date.now() - 1_000) } },
        { id: 'bare', accessPolicy: {} },
      ] as never);
      const status = async (options: Parameters<typeof blob.generateSasUrl>[0], method = 'GET') =>
        (await fetch(await blob.generateSasUrl(options), { method })).status;
      expect(await status({ identifier: 'reader' })).toBe(200);
      expect(await status({ identifier: 'reader' }, 'DELETE')).toBe(403);
      expect(await status({ identifier: 'reader', expiresOn })).toBe(403);
      expect(await status({ identifier: 'late' })).toBe(403);
      expect(await status({ identifier: 'nobody' })).toBe(403);
      const permissions = BlobSASPermissions.parse('r');
      expect(await status({ identifier: 'bare', permissions, expiresOn })).toBe(200);
      await container.setAccessPolicy();
      expect(await status({ identifier: 'reader' })).toBe(403);
    });

    test('refuses policies that are none', async () => {
      const { container } = context();
      const set = (policies: unknown) => refusal(container.setAccessPolicy(undefined, policies as never));
      const policy = (id: string) => ({ id, accessPolicy: { permissions: 'r' } });
      expect(await set(['1', '2', '3', '4', '5', '6'].map(policy))).toBe('400 InvalidXmlDocument');
      expect(await set([policy('twice'), policy('twice')])).toBe('400 InvalidXmlDocument');
      expect(await set([policy('x'.repeat(65))])).toBe('400 InvalidXmlDocument');
      expect(await set([{ id: 'a', accessPolicy: { permissions: 'write?' } }])).toBe(
        '400 InvalidXmlDocument',
      );
      expect((await container.getAccessPolicy()).signedIdentifiers).toEqual([]);
    });

    test('answers about itself', async () => {
      const { service } = context();
      expect((await service.getAccountInfo()).accountKind).toBe('StorageV2');
      expect((await service.getProperties()).deleteRetentionPolicy?.enabled).toBe(false);
    });

    test('answers malformed requests', async () => {
      const { service } = context();
      const { pathname } = new URL(service.url);
      const account = pathname.replaceAll('/', '');
      const get = (path: string, headers?: Record<string, string>) => send(service.url, 'GET', path, headers);
      expect(await get(`/${account}/container/%zz`)).toEqual({ status: 400, code: 'InvalidUri' });
      expect(await get(`/${account}/container/%ff%fe`)).toEqual({ status: 400, code: 'InvalidUri' });
      expect(await get(`/${account}/container/x?a=%`)).toEqual({ status: 400, code: 'InvalidUri' });
      expect(await get('/another/container/x')).toEqual({ status: 404, code: 'ResourceNotFound' });
      expect(await get('/')).toEqual({ status: 404, code: 'ResourceNotFound' });
      expect(await get(`/${account}/container/x`)).toEqual({
        status: 401,
        code: 'NoAuthenticationInformation',
      });
      const badAuthorization = {
        authorization: `SharedKey ${account}:x`,
        'x-ms-date': new Date().toUTCString(),
      };
      expect(await get(`/${account}/container/x`, badAuthorization)).toEqual({
        status: 403,
        code: 'AuthenticationFailed',
      });
      expect(await send(service.url, 'TRACE', `/${account}/container/x`)).toEqual({
        status: 501,
        code: 'NotImplemented',
      });
    });

    test('says which ways to sign it does not know', async () => {
      const { container } = context();
      const refused = async (search: string, authorization?: string): Promise<string> => {
        const headers = authorization ? { authorization, 'x-ms-date': new Date().toUTCString() } : {};
        const reply = await fetch(`${container.url}/x?${search}`, { headers });
        expect(reply.status).toBe(403);
        return reply.text();
      };
      for (const scheme of ['Bearer x', 'SharedKeyLite account:x'])
        expect(await refused('', scheme)).toContain('Only SharedKey of this account, and SAS');
      const sas = 'sv=2021-12-02&se=2099-01-01&sp=r&sig=AAAA';
      expect(await refused(`${sas}&sr=b&skoid=x`)).toContain('A user delegation SAS is not implemented');
      for (const resource of ['d', 'bs', 'bv'])
        expect(await refused(`${sas}&sr=${resource}`)).toContain('Only sr=b and sr=c are implemented');
    });

    test('forgets an upload whose client went away', async () => {
      const blob = blobOf('abandoned');
      const expiresOn = new Date(Date.now() + 3_600_000);
      const url = await blob.generateSasUrl({ permissions: BlobSASPermissions.parse('w'), expiresOn });
      const upload = request(url, {
        method: 'PUT',
        headers: { 'content-length': 10_000_000, 'x-ms-blob-type': 'BlockBlob' },
      });
      const gone = new Promise((resolve) => upload.on('close', resolve).on('error', resolve));
      upload.write(content(2_000_000), () => upload.destroy());
      await gone;
      expect(await blob.exists()).toBe(false);
      const data = content(100_000);
      await blob.upload(data, data.length);
      expect((await blob.downloadToBuffer()).equals(data)).toBe(true);
    });

    test('holds the content of a blob against x-ms-blob-content-md5, and takes that over Content-MD5', async () => {
      const blob = blobOf('two-checksums');
      const expiresOn = new Date(Date.now() + 3_600_000);
      const url = await blob.generateSasUrl({ permissions: BlobSASPermissions.parse('w'), expiresOn });
      const md5 = (text: string) => createHash('md5').update(text).digest('base64');
      const put = async (checksums: Record<string, string>) =>
        (
          await fetch(url, {
            method: 'PUT',
            body: 'body',
            headers: { 'x-ms-blob-type': 'BlockBlob', ...checksums },
          })
        ).status;
      expect(await put({ 'content-md5': md5('body'), 'x-ms-blob-content-md5': md5('other') })).toBe(400);
      expect(await put({ 'content-md5': md5('other') })).toBe(400);
      expect(await blob.exists()).toBe(false);
      expect(await put({ 'content-md5': md5('other'), 'x-ms-blob-content-md5': md5('body') })).toBe(201);
      expect((await blob.getProperties()).contentMD5).toEqual(
        new Uint8Array(Buffer.from(md5('body'), 'base64')),
      );
    });

    test('keeps metadata beyond ASCII, whatever encoding the client signs', async () => {
      const metadata = { text: 'Zürich' };
      const blob = blobOf('beyond-ascii');
      await blob.upload('x', 1, { metadata });
      expect((await blob.getProperties()).metadata).toEqual(metadata);
      await blob.upload(Buffer.from('x'), 1, { metadata });
      expect((await blob.getProperties()).metadata).toEqual(metadata);
    });

    test('refuses a body larger than a list of blocks can be', async () => {
      const blob = blobOf('long-list');
      const expiresOn = new Date(Date.now() + 3_600_000);
      const sas = await blob.generateSasUrl({ permissions: BlobSASPermissions.parse('w'), expiresOn });
      const reply = await fetch(`${sas}&comp=blocklist`, {
        method: 'PUT',
        body: Buffer.alloc(9_000_000, ' '),
      });
      expect([reply.status, reply.headers.get('x-ms-error-code')]).toEqual([413, 'RequestBodyTooLarge']);
      const garbage = await fetch(`${sas}&comp=blocklist`, {
        method: 'PUT',
        body: '<BlockList><Latest>&x;</Latest>',
      });
      expect([garbage.status, garbage.headers.get('x-ms-error-code')]).toEqual([400, 'InvalidXmlDocument']);
    });
  },
  ['local'],
);
