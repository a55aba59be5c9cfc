import type { SasNeed } from './auth/sas';
import { resolveCopySource, type Endpoint } from './copy-source';
import { failed } from './errors';
import * as containers from './operations/containers';
import { getContainerAcl, setContainerAcl } from './operations/container-acl';
import { copyBlob, type CopySource } from './operations/copy-blob';
import { deleteBlob } from './operations/delete-blob';
import { putBlobFromUrl, putBlockFromUrl } from './operations/from-url';
import { getBlob, getBlobMetadata, getBlobProperties } from './operations/get-blob';
import { getBlockList } from './operations/get-block-list';
import { leaseBlob } from './operations/lease-blob';
import { leaseContainer } from './operations/lease-container';
import { listBlobs } from './operations/list-blobs';
import { putBlob } from './operations/put-blob';
import { putBlock } from './operations/put-block';
import { putBlockList } from './operations/put-block-list';
import { getAccountInformation, getServiceProperties } from './operations/service';
import { setBlobMetadata, setBlobProperties } from './operations/set-blob';
import type { BlobRequest, Outcome } from './protocol';
import type { Store } from './store/store';

export type Operation = (
  store: Store,
  request: BlobRequest,
  endpoint: Endpoint,
) => Outcome | Promise<Outcome>;

export interface Route {
  readonly need: SasNeed;
  readonly run: Operation;
}

type FromSource = (store: Store, request: BlobRequest, source: CopySource) => Promise<Outcome>;
const withSource =
  (run: FromSource): Operation =>
  (store, request, endpoint) => {
    const source = resolveCopySource(request, endpoint, store.now(), (container, id) =>
      store.findPolicy(container, id),
    );
    return failed(source) ? source : run(store, request, source);
  };

const account = (anyOf: string): SasNeed => ({ resource: 's', anyOf, serviceSas: false });
const container = (anyOf: string, serviceSas = false): SasNeed => ({ resource: 'c', anyOf, serviceSas });
/** Only the account key allows it. */
const NO_SAS = container('');
const blob = (anyOf: string): SasNeed => ({ resource: 'o', anyOf, serviceSas: true });

/**
 * The wire surface: method, level, `restype`, `comp` (and `copy` for a Put with a source) → operation, and the
 * permissions of which a SAS needs one, as in
 * https://learn.microsoft.com/rest/api/storageservices/create-account-sas#blob-service
 */
const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['GET account list', { need: account('l'), run: containers.listContainers }],
  ['GET account service properties', { need: account('r'), run: getServiceProperties }],
  ['GET account account properties', { need: account('rwdlacup'), run: getAccountInformation }],
  ['HEAD account account properties', { need: account('rwdlacup'), run: getAccountInformation }],
  ['GET container account properties', { need: container('rwdlacup', true), run: getAccountInformation }],
  ['GET blob account properties', { need: blob('rwdlacup'), run: getAccountInformation }],

  ['PUT container container', { need: container('cw'), run: containers.createContainer }],
  ['DELETE container container', { need: container('d'), run: containers.deleteContainer }],
  ['GET container container', { need: container('r'), run: containers.getContainerProperties }],
  ['HEAD container container', { need: container('r'), run: containers.getContainerProperties }],
  ['GET container container metadata', { need: container('r'), run: containers.getContainerProperties }],
  ['HEAD container container metadata', { need: container('r'), run: containers.getContainerProperties }],
  ['PUT container container metadata', { need: container('w'), run: containers.setContainerMetadata }],
  ['GET container container acl', { need: NO_SAS, run: getContainerAcl }],
  ['HEAD container container acl', { need: NO_SAS, run: getContainerAcl }],
  ['PUT container container acl', { need: NO_SAS, run: setContainerAcl }],
  ['PUT container container lease', { need: container('wd'), run: leaseContainer }],
  ['GET container container list', { need: container('l', true), run: listBlobs }],

  ['PUT blob', { need: blob('wc'), run: putBlob }],
  ['PUT blob copy', { need: blob('wc'), run: withSource(copyBlob) }],
  ['PUT blob from-url', { need: blob('wc'), run: withSource(putBlobFromUrl) }],
  ['PUT blob block', { need: blob('wc'), run: putBlock }],
  ['PUT blob block from-url', { need: blob('wc'), run: withSource(putBlockFromUrl) }],
  ['PUT blob blocklist', { need: blob('wc'), run: putBlockList }],
  ['GET blob blocklist', { need: blob('r'), run: getBlockList }],
  ['GET blob', { need: blob('r'), run: getBlob }],
  ['HEAD blob', { need: blob('r'), run: getBlobProperties }],
  ['GET blob metadata', { need: blob('r'), run: getBlobMetadata }],
  ['HEAD blob metadata', { need: blob('r'), run: getBlobMetadata }],
  ['PUT blob metadata', { need: blob('w'), run: setBlobMetadata }],
  ['PUT blob properties', { need: blob('w'), run: setBlobProperties }],
  ['DELETE blob', { need: blob('d'), run: deleteBlob }],
  ['PUT blob lease', { need: blob('wd'), run: leaseBlob }],
]);

/** Headers that change the meaning of a request in a way that this endpoint does not have. */
const UNSUPPORTED_HEADERS = [
  'x-ms-encryption-key',
  'x-ms-encryption-scope',
  'x-ms-expiry-option',
  'x-ms-if-tags',
  'x-ms-immutability-policy-mode',
  'x-ms-immutability-policy-until-date',
  'x-ms-legal-hold',
  'x-ms-source-if-tags',
  'x-ms-structured-body',
  'x-ms-tags',
] as const;
const UNSUPPORTED_QUERY = ['snapshot', 'versionid', 'deletetype'] as const;

/** What of the request this endpoint does not have, in words; undefined if it has everything. */
export function unsupportedPart(request: BlobRequest): string | undefined {
  const header = UNSUPPORTED_HEADERS.find((name) => request.header(name) !== undefined);
  if (header !== undefined) return `the header ${header}`;
  const tier = request.header('x-ms-access-tier');
  if (tier !== undefined && tier !== 'Hot') return 'access tiers other than Hot';
  const parameter = UNSUPPORTED_QUERY.find((name) => request.query.has(name));
  return parameter === undefined ? undefined : `the parameter ${parameter}`;
}

/** The words by which the table knows a request. */
function routeKey(request: BlobRequest): string {
  const { method, query } = request;
  const level = request.blob !== '' ? 'blob' : request.container !== '' ? 'container' : 'account';
  const comp = query.get('comp')?.toLowerCase();
  const words = [method, level];
  const restype = query.get('restype')?.toLowerCase();
  if (restype) words.push(restype);
  if (comp) words.push(comp);
  else if (level === 'blob' && method === 'PUT' && request.header('x-ms-copy-source') !== undefined) {
    // With a type it is Put Blob From URL, with a block id Put Block From URL.
    words.push(request.header('x-ms-blob-type') === undefined ? 'copy' : 'from-url');
  }
  if (comp === 'block' && request.header('x-ms-copy-source') !== undefined) words.push('from-url');
  return words.join(' ');
}

/** The operation that a request asks for; a text that names it when there is none. */
export function findRoute(request: BlobRequest): Route | string {
  const key = routeKey(request);
  return ROUTES.get(key) ?? key;
}
