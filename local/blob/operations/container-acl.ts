import { parsePolicies, policiesXml } from '../access-policy';
import { fail, failed } from '../errors';
import { MAX_POLICIES_BODY } from '../limits';
import { stateHeaders, type BlobRequest, type Outcome } from '../protocol';
import type { Store } from '../store/store';
import { changeContainer, findReadable } from './containers';

/** https://learn.microsoft.com/rest/api/storageservices/get-container-acl */
export function getContainerAcl(store: Store, request: BlobRequest): Outcome {
  const container = findReadable(store, request);
  if (failed(container)) return container;
  return {
    status: 200,
    headers: { ...stateHeaders(container), 'Content-Type': 'application/xml' },
    body: policiesXml(store.containers.policies(container.name)),
  };
}

/** https://learn.microsoft.com/rest/api/storageservices/set-container-acl, for stored access policies only. */
export async function setContainerAcl(store: Store, request: BlobRequest): Promise<Outcome> {
  if (request.header('x-ms-blob-public-access') !== undefined) return fail('PublicAccessNotPermitted');
  const body = await request.body.readAll(MAX_POLICIES_BODY);
  const policies = body.length === 0 ? [] : parsePolicies(body.toString('utf8'));
  if (failed(policies)) return policies;
  return changeContainer(store, request, ({ id, metadata }) => {
    store.containers.setPolicies(id, policies);
    return metadata;
  });
}
