import { fail, failed } from '../errors';
import { findContainerId, readNumber } from '../inputs';
import { isLocked, leaseKind, leaseState } from '../lease';
import { MAX_LIST_RESULTS } from '../limits';
import { readMarker, writeMarker } from '../marker';
import type { BlobRequest, Outcome } from '../protocol';
import type { Store } from '../store/store';
import type { BlobRecord, Metadata } from '../store/records';
import { element, escapeXml, nameElement, xmlDocument } from '../xml';

/** What may be included: the parts that exist here, and those of which there are never any. */
const INCLUDABLE = new Set([
  'metadata',
  'copy',
  'uncommittedblobs',
  'snapshots',
  'deleted',
  'versions',
  'tags',
  'deletedwithversions',
]);

/** `<Metadata>` with one element a name. */
export function metadataXml(metadata: Metadata): string {
  let text = '';
  for (const name of Object.keys(metadata)) text += element(name, metadata[name]);
  return `<Metadata>${text}</Metadata>`;
}

/** The smallest string that is greater, in the order of UTF-8, than all that begin with `prefix`; undefined if none is. */
export function afterPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue;
    const next = last === 0xd7ff ? 0xe000 : last + 1;
    return String.fromCodePoint(...points, next);
  }
  return undefined;
}

function propertiesXml(blob: BlobRecord, withCopy: boolean, now: number): string {
  const { properties, lease } = blob;
  const state = leaseState(lease, now);
  const copy = withCopy ? properties.copy : undefined;
  return (
    element('Creation-Time', new Date(blob.created).toUTCString()) +
    element('Last-Modified', new Date(blob.modified).toUTCString()) +
    element('Etag', blob.etag) +
    element('Content-Length', blob.size) +
    element('Content-Type', properties.contentType) +
    element('Content-Encoding', properties.contentEncoding) +
    element('Content-Language', properties.contentLanguage) +
    element('Content-MD5', properties.contentMd5) +
    element('Cache-Control', properties.cacheControl) +
    element('Content-Disposition', properties.contentDisposition) +
    '<BlobType>BlockBlob</BlobType><AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred>' +
    element('LeaseStatus', isLocked(lease, now) ? 'locked' : 'unlocked') +
    element('LeaseState', state) +
    element('LeaseDuration', lease && state === 'leased' ? leaseKind(lease) : undefined) +
    (copy
      ? element('CopyId', copy.id) +
        element('CopyStatus', 'success') +
        element('CopySource', copy.source) +
        element('CopyProgress', `${blob.size}/${blob.size}`) +
        element('CopyCompletionTime', new Date(copy.completed).toUTCString())
      : '') +
    '<ServerEncrypted>true</ServerEncrypted>'
  );
}

type Item =
  | { readonly blob: BlobRecord }
  | { readonly prefix: string }
  /** Has staged blocks only. */
  | { readonly uncommitted: string };
interface Page {
  readonly items: Item[];
  /** Where the next page begins; undefined at the end. */
  readonly next: string | undefined;
}

interface Selection {
  readonly container: number;
  readonly prefix: string;
  /** Names that have it after the prefix are folded into one prefix; empty for a flat list. */
  readonly delimiter: string;
  readonly from: string;
  readonly max: number;
  readonly withUncommitted: boolean;
}

/** Rows read at once when names are folded: most of a longer run could belong to one folded prefix. */
const FOLDING_STEP = 32;

type Named = { readonly name: string; readonly blob?: BlobRecord };

/** The next names in order, with their blobs where there are any. */
function nextNames(
  store: Store,
  { container, withUncommitted }: Selection,
  { from, end, wanted }: { from: string; end: string | undefined; wanted: number },
): Named[] {
  const blobs = store.blobs.list(container, from, end, wanted).map((blob) => ({ name: blob.name, blob }));
  if (!withUncommitted) return blobs;
  const names = store.blocks.namesWithoutBlob(container, from, end, wanted);
  if (names.length === 0) return blobs;
  return [...blobs, ...names.map((name) => ({ name }))]
    .sort((left, right) => Buffer.compare(Buffer.from(left.name), Buffer.from(right.name)))
    .slice(0, wanted);
}

/** Collects one page. After a folded prefix it goes on behind all names with it, however many there are. */
function collect(store: Store, selection: Selection): Page {
  const { prefix, delimiter, max } = selection;
  const end = afterPrefix(prefix);
  const items: Item[] = [];
  let from: string | undefined = selection.from;
  while (from !== undefined) {
    const left = max - items.length + 1;
    const wanted = delimiter === '' ? left : Math.min(left, FOLDING_STEP);
    const rows = nextNames(store, selection, { from, end, wanted });
    const last = rows.at(-1);
    // The name that follows directly is the same with a NUL behind it.
    from = last && rows.length === wanted ? `${last.name}\0` : undefined;
    for (const { name, blob } of rows) {
      if (items.length === max) return { items, next: name };
      const fold = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
      if (fold < 0) {
        items.push(blob ? { blob } : { uncommitted: name });
        continue;
      }
      const folded = name.slice(0, fold + delimiter.length);
      items.push({ prefix: folded });
      from = afterPrefix(folded);
      break;
    }
  }
  return { items, next: undefined };
}

function render(item: Item, withMetadata: boolean, withCopy: boolean, now: number): string {
  if ('prefix' in item) return `<BlobPrefix>${nameElement('Name', item.prefix)}</BlobPrefix>`;
  if ('uncommitted' in item) {
    const properties =
      '<Content-Length>0</Content-Length><BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>';
    return `<Blob>${nameElement('Name', item.uncommitted)}<Properties>${properties}</Properties></Blob>`;
  }
  const { blob } = item;
  return (
    `<Blob>${nameElement('Name', blob.name)}<Properties>${propertiesXml(blob, withCopy, now)}</Properties>` +
    `${withMetadata ? metadataXml(blob.metadata) : ''}</Blob>`
  );
}

/** https://learn.microsoft.com/rest/api/storageservices/list-blobs */
export function listBlobs(store: Store, request: BlobRequest): Outcome {
  const limit = readNumber(request, 'maxresults', 1, MAX_LIST_RESULTS);
  if (failed(limit)) return limit;
  const marker = readMarker(request);
  if (failed(marker)) return marker;
  const include = (request.query.get('include') ?? '')
    .toLowerCase()
    .split(',')
    .filter((part) => part !== '');
  const unknown = include.find((part) => !INCLUDABLE.has(part));
  if (unknown !== undefined)
    return fail('NotImplemented', `include=${unknown.slice(0, 40)} is not implemented.`);
  const container = findContainerId(store, request);
  if (failed(container)) return container;

  const prefix = request.query.get('prefix') ?? '';
  const delimiter = request.query.get('delimiter') ?? '';
  const max = limit ?? MAX_LIST_RESULTS;
  const from =
    marker !== undefined && Buffer.compare(Buffer.from(marker), Buffer.from(prefix)) > 0 ? marker : prefix;
  const page = collect(store, {
    container,
    prefix,
    delimiter,
    from,
    max,
    withUncommitted: include.includes('uncommittedblobs'),
  });
  const now = store.now();
  const withMetadata = include.includes('metadata');
  const withCopy = include.includes('copy');
  const body =
    nameElement('Prefix', prefix) +
    element('Marker', request.query.get('marker') ?? '') +
    (limit === undefined ? '' : element('MaxResults', limit)) +
    (delimiter === '' ? '' : element('Delimiter', delimiter)) +
    `<Blobs>${page.items.map((item) => render(item, withMetadata, withCopy, now)).join('')}</Blobs>` +
    element('NextMarker', page.next === undefined ? '' : writeMarker(page.next));
  const root = `ServiceEndpoint="/${escapeXml(request.account)}/" ContainerName="${escapeXml(request.container)}"`;
  return {
    status: 200,
    headers: { 'Content-Type': 'application/xml' },
    body: xmlDocument(`<EnumerationResults ${root}>${body}</EnumerationResults>`),
  };
}
