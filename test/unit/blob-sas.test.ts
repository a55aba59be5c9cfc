import {
  AnonymousCredential,
  BlobClient,
  type BlobServiceClient,
  type UserDelegationKey,
} from '@azure/storage-blob';
import { createSigner } from '../../src/clients/blobSas';

const MINUTE = 60_000;
const NOW = Date.parse('2026-03-01T12:00:00Z');

/** A service that is used with a managed identity, and notes the keys that are fetched from it. */
function withIdentity(clock: { now: number }, url = 'https://account.blob.core.windows.net') {
  const fetched: { from: Date; to: Date }[] = [];
  const state = { fails: false };
  const getUserDelegationKey = async (from: Date, to: Date) => {
    await Promise.resolve();
    if (state.fails) throw new Error('not now');
    fetched.push({ from, to });
    const key: UserDelegationKey = {
      signedObjectId: 'object',
      signedTenantId: 'tenant',
      signedStartsOn: from,
      signedExpiresOn: to,
      signedService: 'b',
      signedVersion: '2026-10-06',
      value: Buffer.from(`key ${fetched.length}`).toString('base64'),
    };
    return key as Awaited<ReturnType<BlobServiceClient['getUserDelegationKey']>>;
  };
  const credential = { getToken: () => Promise.resolve(null) };
  const sign = createSigner({ url, credential, getUserDelegationKey } as never, () => clock.now);
  const blob = new BlobClient(`${url}/uploads/products%2Fid`);
  const link = async (expiresAt: number) => new URL(await sign(blob, 'cw', new Date(expiresAt))).searchParams;
  return { fetched, state, link };
}

test('a managed identity signs with a delegation key, which is fetched again when it would end first', async () => {
  const clock = { now: NOW };
  const { fetched, link } = withIdentity(clock);
  const [one, two] = await Promise.all([link(NOW + 60 * MINUTE), link(NOW + 61 * MINUTE)]);
  expect(Object.fromEntries(one)).toMatchObject({ skoid: 'object', sp: 'cw', sr: 'b', spr: 'https' });
  expect(one.get('se')).toBe('2026-03-01T13:00:00Z');
  expect(one.has('st')).toBe(false);
  expect(fetched).toHaveLength(1);
  // It begins before now, whatever the clocks say, and ends after what it signs.
  expect(fetched[0]!.from.getTime()).toBeLessThan(NOW - 5 * MINUTE);
  expect(Date.parse(one.get('ske')!)).toBeGreaterThanOrEqual(Date.parse(two.get('se')!));
  clock.now += 70 * MINUTE;
  const later = await link(clock.now + 60 * MINUTE);
  expect(fetched).toHaveLength(2);
  expect(Date.parse(later.get('ske')!)).toBeGreaterThanOrEqual(Date.parse(later.get('se')!));
});

test('a key that could not be fetched is asked for again', async () => {
  const { fetched, state, link } = withIdentity({ now: NOW });
  state.fails = true;
  await expect(link(NOW + MINUTE)).rejects.toThrow('not now');
  state.fails = false;
  await link(NOW + MINUTE);
  expect(fetched).toHaveLength(1);
});

test('a link is for HTTPS only, unless the endpoint has none', async () => {
  const { link } = withIdentity({ now: NOW }, 'http://127.0.0.1:10000/account');
  expect((await link(NOW + MINUTE)).has('spr')).toBe(false);
});

test('a connection that has neither key nor identity says so', async () => {
  const url = 'https://account.blob.core.windows.net';
  const sign = createSigner({ url, credential: new AnonymousCredential() } as never);
  const blob = new BlobClient(`${url}/uploads/id?sig=x`);
  await expect(sign(blob, 'cw', new Date(NOW))).rejects.toThrow('account key');
});
