import type { KeyObject } from 'node:crypto';
import { checkSas, type FindPolicy } from './auth/sas';
import { fail, failed, type Failure } from './errors';
import type { CopySource } from './operations/copy-blob';
import type { BlobRequest } from './protocol';
import { parsePath, parseQuery } from './target';

const NEED = { resource: 'o', anyOf: 'r', serviceSas: true } as const;

/** What the endpoint knows about itself. */
export interface Endpoint {
  readonly account: string;
  readonly key: KeyObject;
  readonly port: number;
}

function isOwnHost(url: URL, endpoint: Endpoint): boolean {
  const loopback = url.hostname === '127.0.0.1' || url.hostname === 'localhost';
  return url.protocol === 'http:' && loopback && Number(url.port || 80) === endpoint.port;
}

/**
 * Resolves `x-ms-copy-source` to a blob of this account that the caller may read: by the account key with which the
 * request is signed, or by the SAS of the URL.
 */
export function resolveCopySource(
  request: BlobRequest,
  endpoint: Endpoint,
  now: number,
  findPolicy: FindPolicy,
): CopySource | Failure {
  const text = request.header('x-ms-copy-source') ?? '';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url) return fail('InvalidHeaderValue', 'x-ms-copy-source is not a URL.');
  const target = parsePath(url.pathname);
  if (failed(target)) return target;
  if (!isOwnHost(url, endpoint) || target.account !== endpoint.account) {
    return fail('NotImplemented', 'A copy source must be in the same account of this endpoint.');
  }
  if (!target.container || !target.blob) return fail('InvalidHeaderValue', 'x-ms-copy-source names no blob.');
  const query = parseQuery(url.search.slice(1));
  if (failed(query)) return query;
  if (query.has('snapshot') || query.has('versionid'))
    return fail('NotImplemented', 'Snapshots and versions.');
  if (query.has('sig')) {
    const checked = checkSas(
      query,
      { ...target, remoteAddress: request.remoteAddress },
      NEED,
      endpoint.key,
      now,
      findPolicy,
    );
    if (failed(checked)) return fail('CannotVerifyCopySource', checked.detail);
  } else if (!request.grant.accountKey) {
    return fail('CannotVerifyCopySource', 'The URL of the source needs a SAS.');
  }
  return { container: target.container, blob: target.blob, url: url.origin + url.pathname };
}
