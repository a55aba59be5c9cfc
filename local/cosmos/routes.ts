import type { SignedResource } from './auth';

/** What a path names. Ids are decoded. */
export type Route =
  | { readonly kind: 'account' }
  | { readonly kind: 'databases' }
  | { readonly kind: 'database'; readonly database: string }
  | { readonly kind: 'containers'; readonly database: string }
  | { readonly kind: 'container'; readonly database: string; readonly container: string }
  | { readonly kind: 'items'; readonly database: string; readonly container: string }
  | { readonly kind: 'item'; readonly database: string; readonly container: string; readonly id: string }
  | { readonly kind: 'ranges'; readonly database: string; readonly container: string }
  | { readonly kind: 'keyDeletion'; readonly database: string; readonly container: string }
  | { readonly kind: 'conflicts'; readonly database: string; readonly container: string }
  | { readonly kind: 'offers' }
  | { readonly kind: 'offer'; readonly offer: string }
  | { readonly kind: 'unknown'; readonly what: string };

const KEY_DELETION = '/operations/partitionkeydelete';

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Reads a request target. A `?` may be part of an item's id: the protocol has no query strings,
 * and the SDK does not encode it.
 */
export function parseRoute(target: string): Route {
  const raw = target.replace(/^\/+|\/+$/g, '');
  const parts = raw === '' ? [] : raw.split('/');
  const [root, database = '', collections, container = '', leaf, id] = parts.map(decode);
  const count = parts.length;
  if (count === 0) return { kind: 'account' };
  if (root === 'offers' && count === 1) return { kind: 'offers' };
  if (root === 'offers' && count === 2) return { kind: 'offer', offer: database };
  if (root !== 'dbs') return { kind: 'unknown', what: root ?? '' };
  if (count === 1) return { kind: 'databases' };
  if (count === 2) return { kind: 'database', database };
  if (collections !== 'colls') return { kind: 'unknown', what: collections ?? '' };
  if (count === 3) return { kind: 'containers', database };
  if (count === 4) return { kind: 'container', database, container };
  if (leaf === 'docs' && count === 5) return { kind: 'items', database, container };
  if (leaf === 'docs' && count === 6 && id !== undefined) return { kind: 'item', database, container, id };
  if (leaf === 'pkranges' && count === 5) return { kind: 'ranges', database, container };
  if (raw.endsWith(KEY_DELETION) && count === 6) return { kind: 'keyDeletion', database, container };
  if (leaf === 'conflicts' && count === 5) return { kind: 'conflicts', database, container };
  return { kind: 'unknown', what: leaf ?? '' };
}

/** What a client signs for this target: the type of the last collection and the link of what is addressed. */
export function signedResource(target: string): SignedResource {
  const path = target.replace(/^\/+|\/+$/g, '');
  // An operation is signed as the container on which it is done.
  const raw = path.endsWith(KEY_DELETION) ? path.slice(0, -KEY_DELETION.length) : path;
  if (raw === '') return { type: '', ids: [''] };
  const parts = raw.split('/');
  const isFeed = parts.length % 2 === 1;
  const type = (isFeed ? parts.at(-1) : parts.at(-2)) ?? '';
  const link = isFeed ? parts.slice(0, -1).join('/') : raw;
  if (type === 'offers') return { type, ids: [isFeed ? '' : decode(parts.at(-1) ?? '').toLowerCase()] };
  const ids = [link];
  const decoded = parts
    .slice(0, isFeed ? -1 : undefined)
    .map(decode)
    .join('/');
  if (decoded !== link) ids.push(decoded);
  return { type, ids };
}
