import { randomUUID } from 'node:crypto';
import { all, onEachBackend, refusal } from './backends';

onEachBackend('leases', (context) => {
  const fresh = async () => {
    const blob = context().container.getBlockBlobClient(randomUUID());
    await blob.upload('x', 1);
    return blob;
  };

  test('keep others from writing until they are released', async () => {
    const blob = await fresh();
    const lease = blob.getBlobLeaseClient();
    const { leaseId } = await lease.acquireLease(15);
    const conditions = { leaseId: leaseId! };
    expect(await blob.getProperties()).toMatchObject({
      leaseState: 'leased',
      leaseStatus: 'locked',
      leaseDuration: 'fixed',
    });
    expect(await refusal(blob.upload('y', 1))).toBe('412 LeaseIdMissing');
    expect(await refusal(blob.delete())).toBe('412 LeaseIdMissing');
    const other = { leaseId: randomUUID() };
    const wrong = blob.setMetadata({ a: '1' }, { conditions: other });
    expect(await refusal(wrong)).toBe('412 LeaseIdMismatchWithBlobOperation');
    await blob.upload('y', 1, { conditions });
    await blob.setMetadata({ a: '1' }, { conditions });
    expect((await blob.downloadToBuffer()).toString()).toBe('y');
    await lease.renewLease();
    await lease.releaseLease();
    expect((await blob.getProperties()).leaseState).toBe('available');
    const released = blob.upload('z', 1, { conditions });
    expect(await refusal(released)).toBe('412 LeaseNotPresentWithBlobOperation');
    await blob.upload('z', 1);
  });

  test('have one holder, who may take them again', async () => {
    const blob = await fresh();
    const [mine, theirs] = [blob.getBlobLeaseClient(), blob.getBlobLeaseClient()];
    await mine.acquireLease(-1);
    expect((await blob.getProperties()).leaseDuration).toBe('infinite');
    await mine.acquireLease(60);
    expect(await refusal(theirs.acquireLease(15))).toBe('409 LeaseAlreadyPresent');
    expect(await refusal(theirs.renewLease())).toBe('409 LeaseIdMismatchWithLeaseOperation');
    expect(await refusal(theirs.releaseLease())).toBe('409 LeaseIdMismatchWithLeaseOperation');
    const next = randomUUID();
    await mine.changeLease(next);
    await blob.upload('y', 1, { conditions: { leaseId: next } });
  });

  test('can be broken', async () => {
    const blob = await fresh();
    const lease = blob.getBlobLeaseClient();
    expect(await refusal(lease.breakLease(0))).toBe('409 LeaseNotPresentWithLeaseOperation');
    await lease.acquireLease(60);
    expect((await lease.breakLease(30)).leaseTime).toBeGreaterThan(0);
    expect((await blob.getProperties()).leaseState).toBe('breaking');
    expect(await refusal(lease.renewLease())).toBe('409 LeaseIsBrokenAndCannotBeRenewed');
    expect(await refusal(blob.getBlobLeaseClient().acquireLease(15))).toBe('409 LeaseAlreadyPresent');
    expect((await lease.breakLease(0)).leaseTime).toBe(0);
    expect((await blob.getProperties()).leaseState).toBe('broken');
    await blob.upload('y', 1);
    await blob.getBlobLeaseClient().acquireLease(15);
  });
});

onEachBackend('leases on containers', (context) => {
  test('keep others from deleting them, and from nothing else', async () => {
    const container = context().service.getContainerClient(`headwater-${randomUUID()}`);
    await container.create();
    const lease = container.getBlobLeaseClient();
    const { leaseId } = await lease.acquireLease(60);
    expect(await container.getProperties()).toMatchObject({
      leaseState: 'leased',
      leaseStatus: 'locked',
      leaseDuration: 'fixed',
    });
    const [listed] = await all(context().service.listContainers({ prefix: container.containerName }));
    expect(listed?.properties).toMatchObject({ leaseState: 'leased', leaseDuration: 'fixed' });
    await container.getBlockBlobClient('free').upload('x', 1);
    await container.setMetadata({ a: '1' });
    expect(await refusal(container.delete())).toBe('412 LeaseIdMissing');
    const wrong = { conditions: { leaseId: randomUUID() } };
    expect(await refusal(container.delete(wrong))).toBe('412 LeaseIdMismatchWithContainerOperation');
    expect(await refusal(container.setMetadata({}, wrong))).toBe('412 LeaseIdMismatchWithContainerOperation');
    const other = container.getBlobLeaseClient();
    expect(await refusal(other.acquireLease(15))).toBe('409 LeaseAlreadyPresent');
    await lease.renewLease();
    expect((await lease.breakLease(0)).leaseTime).toBe(0);
    expect((await container.getProperties()).leaseState).toBe('broken');
    await other.acquireLease(-1);
    await other.releaseLease();
    expect(await refusal(container.delete({ conditions: { leaseId: leaseId! } }))).toBe(
      '412 LeaseNotPresentWithContainerOperation',
    );
    await container.delete();
  });
});
