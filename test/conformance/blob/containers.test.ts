import { randomUUID } from 'node:crypto';
import { all, onEachBackend, refusal } from './backends';

onEachBackend('containers', (context) => {
  const fresh = () => context().service.getContainerClient(`headwater-${randomUUID()}`);

  test('are created once and deleted once', async () => {
    const container = fresh();
    expect(await container.exists()).toBe(false);
    await container.create({ metadata: { purpose: 'test' } });
    expect(await container.exists()).toBe(true);
    expect(await refusal(container.create())).toBe('409 ContainerAlreadyExists');
    expect((await container.createIfNotExists()).succeeded).toBe(false);
    expect((await container.deleteIfExists()).succeeded).toBe(true);
    expect(await container.exists()).toBe(false);
    expect((await container.deleteIfExists()).succeeded).toBe(false);
    expect(await refusal(container.delete())).toBe('404 ContainerNotFound');
  });

  test('keep metadata', async () => {
    const container = fresh();
    const { etag } = await container.create({ metadata: { one: '1' } });
    expect((await container.getProperties()).metadata).toEqual({ one: '1' });
    const changed = await container.setMetadata({ two: '2' });
    expect(changed.etag).not.toBe(etag);
    const properties = await container.getProperties();
    expect(properties.metadata).toEqual({ two: '2' });
    expect(properties.etag).toBe(changed.etag);
    await container.delete();
  });

  test('are listed by prefix, in pages, with metadata when asked for', async () => {
    const prefix = `headwater-list-${randomUUID().slice(0, 8)}-`;
    const { service } = context();
    for (const name of ['a', 'b', 'c']) await service.createContainer(prefix + name, { metadata: { name } });
    const found = await all(service.listContainers({ prefix, includeMetadata: true }));
    expect(found.map(({ name, metadata }) => [name, metadata])).toEqual(
      ['a', 'b', 'c'].map((name) => [prefix + name, { name }]),
    );
    const pages = await all(service.listContainers({ prefix }).byPage({ maxPageSize: 2 }));
    expect(pages.map((page) => page.containerItems.map(({ name }) => name))).toEqual([
      [`${prefix}a`, `${prefix}b`],
      [`${prefix}c`],
    ]);
    for (const name of ['a', 'b', 'c']) await service.deleteContainer(prefix + name);
  });

  test('keep stored access policies', async () => {
    const container = fresh();
    const { etag } = await container.create();
    expect((await container.getAccessPolicy()).signedIdentifiers).toEqual([]);
    const [startsOn, expiresOn] = [new Date('2030-01-02T03:04:05Z'), new Date('2031-01-02T03:04:05Z')];
    const policies = [
      { id: 'a & <b>', accessPolicy: { permissions: 'rw', startsOn, expiresOn } },
      { id: 'two', accessPolicy: { permissions: 'r', startsOn, expiresOn } },
    ];
    const changed = await container.setAccessPolicy(undefined, policies);
    expect(changed.etag).not.toBe(etag);
    const stored = await container.getAccessPolicy();
    expect(stored.etag).toBe(changed.etag);
    expect(stored.signedIdentifiers).toMatchObject(policies);
    await container.setAccessPolicy();
    expect((await container.getAccessPolicy()).signedIdentifiers).toEqual([]);
    await container.delete();
  });

  test('must be there for what is done in them', async () => {
    const container = fresh();
    const blob = container.getBlockBlobClient('x');
    expect(await refusal(blob.upload('x', 1))).toBe('404 ContainerNotFound');
    expect(await refusal(blob.download())).toBe('404 ContainerNotFound');
    expect(await refusal(all(container.listBlobsFlat()))).toBe('404 ContainerNotFound');
  });

  test('have names of lower case letters, digits and single hyphens', async () => {
    for (const name of ['ab', 'Upper-case', 'two--hyphens', '-first', 'last-', 'x'.repeat(64)]) {
      expect([name, await refusal(context().service.createContainer(name))]).toEqual([
        name,
        '400 InvalidResourceName',
      ]);
    }
  });
});
