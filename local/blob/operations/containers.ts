import { checkRead, readConditions } from '../conditions';
import { fail, failed, type Failure } from '../errors';
import { findContainer, metadataHeaders, readMetadata, readNumber } from '../inputs';
import {
  isLocked,
  leaseHeaders,
  leaseKind,
  leaseState,
  refuseContainerDelete,
  refuseContainerRead,
} from '../lease';
import { MAX_LIST_RESULTS } from '../limits';
import { stateHeaders, type BlobRequest, type Outcome } from '../protocol';
import type { Store } from '../store/store';
import type { ContainerRecord } from '../store/records';
import { readMarker, writeMarker } from '../marker';
import { element, xmlDocument } from '../xml';
import { metadataXml } from './list-blobs';

/** https://learn.microsoft.com/rest/api/storageservices/create-container */
export async function createContainer(store: Store, request: BlobRequest): Promise<Outcome> {
  if (request.header('x-ms-blob-public-access') !== undefined) return fail('PublicAccessNotPermitted');
  const metadata = readMetadata(request);
  if (failed(metadata)) return metadata;
  const created = await store.mutate((): { etag: string; modified: number } | Failure => {
    if (store.containers.find(request.container)) return fail('ContainerAlreadyExists');
    const state = { etag: store.newEtag(), modified: store.now() };
    store.containers.insert(request.container, state.etag, state.modified, metadata);
    return state;
  });
  return failed(created) ? created : { status: 201, headers: stateHeaders(created) };
}

/** https://learn.microsoft.com/rest/api/storageservices/delete-container. The name is free again at once. */
export async function deleteContainer(store: Store, request: BlobRequest): Promise<Outcome> {
  const conditions = readConditions(request.header);
  if (failed(conditions)) return conditions;
  const outcome = await store.mutate((): undefined | Failure => {
    const container = findContainer(store, request);
    if (failed(container)) return container;
    if (checkRead(conditions, container)) return fail('ConditionNotMet');
    const refused = refuseContainerDelete(container.lease, request.header('x-ms-lease-id'), store.now());
    if (refused) return refused;
    store.containers.delete(container.id);
    return undefined;
  });
  if (outcome) return outcome;
  store.collectGarbage();
  return { status: 202 };
}

/** The container of a request, unless the lease id with it refuses that it is read. */
export function findReadable(store: Store, request: BlobRequest): ContainerRecord | Failure {
  const container = findContainer(store, request);
  if (failed(container)) return container;
  return refuseContainerRead(container.lease, request.header('x-ms-lease-id'), store.now()) ?? container;
}

/** https://learn.microsoft.com/rest/api/storageservices/get-container-properties */
export function getContainerProperties(store: Store, request: BlobRequest): Outcome {
  const container = findReadable(store, request);
  if (failed(container)) return container;
  return {
    status: 200,
    headers: {
      ...stateHeaders(container),
      ...leaseHeaders(container.lease, store.now()),
      'x-ms-has-immutability-policy': 'false',
      'x-ms-has-legal-hold': 'false',
      ...metadataHeaders(container.metadata),
    },
  };
}

/** https://learn.microsoft.com/rest/api/storageservices/set-container-metadata */
export async function setContainerMetadata(store: Store, request: BlobRequest): Promise<Outcome> {
  const metadata = readMetadata(request);
  if (failed(metadata)) return metadata;
  return changeContainer(store, request, () => metadata);
}

/**
 * Gives a container a new ETag, if the request's conditions and the lease allow it.
 * @param change what the metadata is to be, after anything else that the request changes
 */
export async function changeContainer(
  store: Store,
  request: BlobRequest,
  change: (container: ContainerRecord) => ContainerRecord['metadata'],
): Promise<Outcome> {
  const conditions = readConditions(request.header);
  if (failed(conditions)) return conditions;
  const changed = await store.mutate((): { etag: string; modified: number } | Failure => {
    const container = findContainer(store, request);
    if (failed(container)) return container;
    if (checkRead(conditions, container)) return fail('ConditionNotMet');
    const refused = refuseContainerRead(container.lease, request.header('x-ms-lease-id'), store.now());
    if (refused) return refused;
    const state = { etag: store.newEtag(), modified: store.now() };
    store.containers.update(container.id, state.etag, state.modified, change(container));
    return state;
  });
  return failed(changed) ? changed : { status: 200, headers: stateHeaders(changed) };
}

function containerXml(container: ContainerRecord, withMetadata: boolean, now: number): string {
  const { lease } = container;
  const state = leaseState(lease, now);
  const properties =
    element('Last-Modified', new Date(container.modified).toUTCString()) +
    element('Etag', `"${container.etag}"`) +
    element('LeaseStatus', isLocked(lease, now) ? 'locked' : 'unlocked') +
    element('LeaseState', state) +
    element('LeaseDuration', lease && state === 'leased' ? leaseKind(lease) : undefined) +
    element('HasImmutabilityPolicy', 'false') +
    element('HasLegalHold', 'false');
  return (
    `<Container>${element('Name', container.name)}<Properties>${properties}</Properties>` +
    `${withMetadata ? metadataXml(container.metadata) : ''}</Container>`
  );
}

/** https://learn.microsoft.com/rest/api/storageservices/list-containers2 */
export function listContainers(store: Store, request: BlobRequest): Outcome {
  const limit = readNumber(request, 'maxresults', 1, MAX_LIST_RESULTS);
  if (failed(limit)) return limit;
  const marker = readMarker(request);
  if (failed(marker)) return marker;
  const prefix = request.query.get('prefix') ?? '';
  const max = limit ?? MAX_LIST_RESULTS;
  const from = marker !== undefined && marker > prefix ? marker : prefix;
  const found = store.containers.list(from, max + 1).filter(({ name }) => name.startsWith(prefix));
  const next = found[max];
  const withMetadata = (request.query.get('include') ?? '').split(',').includes('metadata');
  const body =
    element('Prefix', prefix) +
    element('Marker', request.query.get('marker') ?? '') +
    (limit === undefined ? '' : element('MaxResults', limit)) +
    `<Containers>${found
      .slice(0, max)
      .map((one) => containerXml(one, withMetadata, store.now()))
      .join('')}</Containers>` +
    element('NextMarker', next ? writeMarker(next.name) : '');
  return {
    status: 200,
    headers: { 'Content-Type': 'application/xml' },
    body: xmlDocument(
      `<EnumerationResults ServiceEndpoint="/${request.account}/">${body}</EnumerationResults>`,
    ),
  };
}
