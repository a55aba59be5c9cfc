import { fail, failed, type Failure } from './errors';
import { MAX_BLOB_NAME_LENGTH } from './limits';

/** What a path names. Empty strings stand for "none". */
export interface Target {
  readonly account: string;
  readonly container: string;
  readonly blob: string;
}

/** https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata#container-names */
const CONTAINER_NAME = /^(?:\$root|\$web|\$logs|[a-z0-9](?:-?[a-z0-9]){2,62})$/;

function decode(text: string): string | Failure {
  try {
    return decodeURIComponent(text);
  } catch {
    return fail('InvalidUri', 'It is not percent-encoded UTF-8.');
  }
}

/** Reads `/account/container/blob/with/slashes`, the form of endpoints that are addressed by IP. */
export function parsePath(rawPath: string): Target | Failure {
  const decoded = decode(rawPath);
  if (failed(decoded)) return decoded;
  const [, account = '', rawContainer = '', ...rest] = rawPath.split('/');
  const container = decode(rawContainer);
  if (failed(container)) return container;
  if (container !== '' && (container.length > 63 || !CONTAINER_NAME.test(container))) {
    return fail('InvalidResourceName', 'It is the name of the container.');
  }
  const name = decode(rest.join('/'));
  if (failed(name)) return name;
  // The service takes a backslash for a slash.
  const blob = name.replaceAll('\\', '/');
  if (blob.length > MAX_BLOB_NAME_LENGTH) return fail('InvalidResourceName', 'It is the name of the blob.');
  return { account, container, blob };
}

/** Query parameters by name in lower case. Values keep a `+`, which `URLSearchParams` would turn into a space. */
export function parseQuery(rawQuery: string): Map<string, string> | Failure {
  const query = new Map<string, string>();
  if (rawQuery === '') return query;
  for (const pair of rawQuery.split('&')) {
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = decode(equals < 0 ? '' : pair.slice(equals + 1));
    if (failed(name)) return name;
    if (failed(value)) return value;
    query.set(name.toLowerCase(), value);
  }
  return query;
}
