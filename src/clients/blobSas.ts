import {
  AnonymousCredential,
  BlobSASPermissions,
  SASProtocol,
  StorageSharedKeyCredential,
  type BlobClient,
  type BlobServiceClient,
  type UserDelegationKey,
} from '@azure/storage-blob';

/** Makes the URL of a blob with a SAS for this blob alone. */
export type Signer = (blob: BlobClient, permissions: string, expiresAt: Date) => Promise<string>;

/** A delegation key begins in the past, since the service's clock may be behind ours. */
const KEY_BEGINS_BEFORE_MS = 15 * 60_000;

/** How long a delegation key outlives the SAS it was fetched for, so that it signs further ones. */
const KEY_OUTLIVES_MS = 3_600_000;

type KeySource = Pick<BlobServiceClient, 'getUserDelegationKey'>;

/**
 * The delegation key of a managed identity, fetched again when it ends before what it is to sign.
 * @see https://learn.microsoft.com/rest/api/storageservices/get-user-delegation-key: a key lives seven days at most
 */
function delegationKeys(
  service: KeySource,
  now: () => number,
): (expiresAt: Date) => Promise<UserDelegationKey> {
  let key: Promise<UserDelegationKey> | undefined;
  let keyEnds = 0;
  return (expiresAt) => {
    if (!key || expiresAt.getTime() > keyEnds) {
      // Keys and SAS know whole seconds.
      keyEnds = Math.floor((expiresAt.getTime() + KEY_OUTLIVES_MS) / 1000) * 1000;
      const fetched = service.getUserDelegationKey(new Date(now() - KEY_BEGINS_BEFORE_MS), new Date(keyEnds));
      key = fetched;
      fetched.catch(() => {
        if (key === fetched) key = undefined;
      });
    }
    return key;
  };
}

/**
 * Signs with the account key where there is one, else with a delegation key of the managed identity (which then needs
 * the right to fetch one: the role Storage Blob Delegator, or Contributor of the blob data).
 *
 * A SAS has no start time: it is valid as soon as it is made. With one, the receiver would be refused for as long as the
 * service's clock is behind ours (https://learn.microsoft.com/azure/storage/common/storage-sas-overview#best-practices-when-using-sas).
 * It is for HTTPS only, unless the endpoint itself has none.
 */
export function createSigner(
  service: KeySource & Pick<BlobServiceClient, 'url' | 'credential'>,
  now: () => number = Date.now,
): Signer {
  const protocol = service.url.startsWith('http:') ? {} : { protocol: SASProtocol.Https };
  const keyFor = delegationKeys(service, now);
  return async (blob, permissions, expiresOn) => {
    const values = { permissions: BlobSASPermissions.parse(permissions), expiresOn, ...protocol };
    if (service.credential instanceof StorageSharedKeyCredential) return blob.generateSasUrl(values);
    if (service.credential instanceof AnonymousCredential)
      throw new Error(
        'Links to blobs need an account key or a managed identity; the connection has neither.',
      );
    return blob.generateUserDelegationSasUrl(values, await keyFor(expiresOn));
  };
}
