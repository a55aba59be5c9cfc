import { fail, failed } from '../errors';
import { findContainerId } from '../inputs';
import { refuseRead } from '../lease';
import { stateHeaders, type BlobRequest, type Outcome } from '../protocol';
import type { Store } from '../store/store';
import { element, xmlDocument } from '../xml';

type Block = { readonly id: string; readonly size: number };

function render(tag: string, blocks: readonly Block[]): string {
  const list = blocks.map(({ id, size }) => `<Block>${element('Name', id)}${element('Size', size)}</Block>`);
  return `<${tag}>${list.join('')}</${tag}>`;
}

/** https://learn.microsoft.com/rest/api/storageservices/get-block-list */
export function getBlockList(store: Store, request: BlobRequest): Outcome {
  const type = request.query.get('blocklisttype')?.toLowerCase() ?? 'committed';
  if (!['committed', 'uncommitted', 'all'].includes(type))
    return fail('InvalidQueryParameterValue', 'blocklisttype');
  const container = findContainerId(store, request);
  if (failed(container)) return container;
  const blob = store.blobs.find(container, request.blob);
  const staged = store.blocks.list(container, request.blob);
  if (!blob && (staged.length === 0 || type === 'committed')) return fail('BlobNotFound');
  const refused = refuseRead(blob?.lease, request.header('x-ms-lease-id'), store.now());
  if (refused) return refused;
  const committed: Block[] = [];
  for (const [, size, id] of blob ? store.blobs.parts(container, request.blob) : []) {
    if (id !== undefined) committed.push({ id, size });
  }
  const body =
    (type === 'uncommitted' ? '' : render('CommittedBlocks', committed)) +
    (type === 'committed' ? '' : render('UncommittedBlocks', staged));
  return {
    status: 200,
    headers: {
      'Content-Type': 'application/xml',
      'x-ms-blob-content-length': blob?.size ?? 0,
      ...(blob ? stateHeaders(blob) : {}),
    },
    body: xmlDocument(`<BlockList>${body}</BlockList>`),
  };
}
