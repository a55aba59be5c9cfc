import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  AnonymousCredential,
  BlobSASPermissions,
  BlobServiceClient,
  BlockBlobClient,
  ContainerClient,
  ContainerSASPermissions,
  generateAccountSASQueryParameters,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { all, onEachBackend, refusal } from './backends';

const NO_RETRY = { retryOptions: { maxTries: 1 } };
const hour = () => new Date(Date.now() + 3_600_000);

onEachBackend('access', (context) => {
  const blobOf = (name: string) => context().container.getBlockBlobClient(name);
  const withSas = async (name: string, permissions: string, more: object = {}) =>
    new BlockBlobClient(
      await blobOf(name).generateSasUrl({
        permissions: BlobSASPermissions.parse(permissions),
        expiresOn: hour(),
        ...more,
      }),
      undefined,
      NO_RETRY,
    );

  test('needs the right key', async () => {
    const { service, credential, container } = context();
    const wrong = new StorageSharedKeyCredential(
      credential.accountName,
      Buffer.from('other').toString('base64'),
    );
    const stranger = new BlobServiceClient(service.url, wrong, NO_RETRY).getContainerClient(
      container.containerName,
    );
    expect(await refusal(stranger.getBlockBlobClient('x').upload('x', 1))).toBe('403 AuthenticationFailed');
    expect(await refusal(all(stranger.listBlobsFlat()))).toBe('403 AuthenticationFailed');
    expect(await blobOf('x').exists()).toBe(false);
    const nobody = new ContainerClient(container.url, new AnonymousCredential(), NO_RETRY);
    expect(await refusal(nobody.getBlockBlobClient('x').upload('x', 1))).toMatch(/^40[1349] /);
  });

  test('by a SAS reaches one blob, as far as it permits', async () => {
    await blobOf('readable').upload('secret', 6);
    const reader = await withSas('readable', 'r');
    expect((await reader.downloadToBuffer()).toString()).toBe('secret');
    expect(await refusal(reader.upload('x', 1))).toBe('403 AuthorizationPermissionMismatch');
    expect(await refusal(reader.delete())).toBe('403 AuthorizationPermissionMismatch');
    const elsewhere = new BlockBlobClient(reader.url.replace('/readable?', '/other?'), undefined, NO_RETRY);
    expect(await refusal(elsewhere.download())).toBe('403 AuthenticationFailed');
    const forged = new BlockBlobClient(reader.url.replace('sp=r', 'sp=rwd'), undefined, NO_RETRY);
    expect(await refusal(forged.download())).toBe('403 AuthenticationFailed');
  });

  test('by a SAS ends with it', async () => {
    await blobOf('expired').upload('x', 1);
    const past = new Date(Date.now() - 60_000);
    const late = await withSas('expired', 'r', { expiresOn: past });
    expect(await refusal(late.download())).toBe('403 AuthenticationFailed');
    const early = await withSas('expired', 'r', { startsOn: new Date(Date.now() + 600_000) });
    expect(await refusal(early.download())).toBe('403 AuthenticationFailed');
  });

  test('by a SAS to create does not replace', async () => {
    const creator = await withSas('valet key', 'c');
    await creator.upload('first', 5);
    expect(await refusal(creator.upload('again', 5))).toBe('403 AuthorizationPermissionMismatch');
    const writer = await withSas('valet key', 'w');
    await writer.upload('again', 5);
    expect((await blobOf('valet key').downloadToBuffer()).toString()).toBe('again');
  });

  test('by a SAS can set the headers of answers', async () => {
    await blobOf('overridden').upload('x', 1);
    const reader = await withSas('overridden', 'r', {
      contentType: 'text/html',
      contentDisposition: 'inline',
    });
    const reply = await reader.download();
    reply.readableStreamBody?.resume();
    expect([reply.contentType, reply.contentDisposition]).toEqual(['text/html', 'inline']);
  });

  test('by a SAS of a container reaches what is in it', async () => {
    const { container, credential } = context();
    const { containerName } = container;
    await blobOf('dir/inside').upload('x', 1);
    const sas = generateBlobSASQueryParameters(
      { containerName, permissions: ContainerSASPermissions.parse('rl'), expiresOn: hour() },
      credential,
    ).toString();
    const limited = new ContainerClient(`${container.url}?${sas}`, undefined, NO_RETRY);
    const found = await all(limited.listBlobsFlat({ prefix: 'dir/' }));
    expect(found.map(({ name }) => name)).toEqual(['dir/inside']);
    expect((await limited.getBlobClient('dir/inside').downloadToBuffer()).toString()).toBe('x');
    const writing = limited.getBlockBlobClient('dir/new').upload('x', 1);
    expect(await refusal(writing)).toBe('403 AuthorizationPermissionMismatch');
    expect(await refusal(limited.delete())).toMatch(/^403 Authorization/);
  });

  // Each of them signs other fields: https://learn.microsoft.com/rest/api/storageservices/create-service-sas
  test.each(['2015-04-05', '2018-11-09', '2020-12-06'])('by a SAS of the version %s', async (version) => {
    const { service, credential, container } = context();
    const { containerName } = container;
    const blob = blobOf('versions');
    await blob.upload('x', 1);
    const permissions = BlobSASPermissions.parse('r');
    const values = { containerName, blobName: blob.name, permissions, expiresOn: hour(), version };
    const account = {
      services: AccountSASServices.parse('b').toString(),
      resourceTypes: AccountSASResourceTypes.parse('o').toString(),
      permissions: AccountSASPermissions.parse('r'),
      expiresOn: hour(),
      version,
    };
    const tokens = [
      generateBlobSASQueryParameters(values, credential),
      generateAccountSASQueryParameters(account, credential),
    ].map(String);
    for (const sas of tokens) {
      expect(new URLSearchParams(sas).get('sv')).toBe(version);
      const holder = new BlobServiceClient(`${service.url}?${sas}`, undefined, NO_RETRY);
      const found = holder.getContainerClient(containerName).getBlobClient(blob.name);
      expect((await found.downloadToBuffer()).toString()).toBe('x');
    }
  });

  // https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key: the SDK leaves out empty values.
  test('by a key may sign parameters without a value, as documented', async () => {
    const { credential, container } = context();
    const url = new URL(`${container.url}?comp=list&prefix=&restype=container`);
    const date = new Date().toUTCString();
    const text = [
      'GET',
      ...Array<string>(11).fill(''),
      `x-ms-date:${date}`,
      'x-ms-version:2021-12-02',
      `/${credential.accountName}${url.pathname}`,
      'comp:list',
      'prefix:',
      'restype:container',
    ].join('\n');
    const list = async (signed: string): Promise<number> => {
      const authorization = `SharedKey ${credential.accountName}:${credential.computeHMACSHA256(signed)}`;
      const headers = { 'x-ms-date': date, 'x-ms-version': '2021-12-02', authorization };
      return (await fetch(url, { headers })).status;
    };
    expect(await list(text)).toBe(200);
    expect(await list(text.replace('prefix:', 'prefix:other'))).toBe(403);
  });

  test('by a SAS of the account reaches its kinds of resources', async () => {
    const { service, credential, container } = context();
    const sasFor = (types: string, permissions: string) =>
      generateAccountSASQueryParameters(
        {
          services: AccountSASServices.parse('b').toString(),
          resourceTypes: AccountSASResourceTypes.parse(types).toString(),
          permissions: AccountSASPermissions.parse(permissions),
          expiresOn: hour(),
        },
        credential,
      ).toString();
    const clientOf = (sas: string) =>
      new BlobServiceClient(`${service.url}?${sas}`, undefined, NO_RETRY).getContainerClient(
        container.containerName,
      );
    const objects = clientOf(sasFor('o', 'rw'));
    await objects.getBlockBlobClient('account-sas').upload('x', 1);
    expect(await refusal(all(objects.listBlobsFlat()))).toBe('403 AuthorizationResourceTypeMismatch');
    const lister = clientOf(sasFor('c', 'l'));
    expect((await all(lister.listBlobsFlat({ prefix: 'account-sas' }))).length).toBe(1);
    const reading = lister.getBlobClient('account-sas').download();
    expect(await refusal(reading)).toBe('403 AuthorizationResourceTypeMismatch');
  });
});
