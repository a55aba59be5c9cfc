import { fail, type Failure } from './errors';

const DECLARATION = '<?xml version="1.0" encoding="utf-8"?>';
const SPECIAL = /[&<>"']/g;
const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};
/** Characters that XML 1.0 cannot carry, or that a parser normalizes (https://www.w3.org/TR/xml/#charsets). */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const NOT_XML = /[\u0000-\u001f\ufffe\uffff]/;
// oxlint-disable-next-line no-control-regex -- as above
const ALL_NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** Escapes text for element content and attributes. What XML cannot carry at all becomes U+FFFD. */
export function escapeXml(text: string): string {
  return text.replace(ALL_NOT_XML, '\ufffd').replace(SPECIAL, (character) => ENTITIES[character] ?? '');
}

/** Text of element content as it was before it was escaped. */
export function unescapeXml(text: string): string {
  const known = new Map(Object.entries(ENTITIES).map(([character, entity]) => [entity, character]));
  return text.replace(/&[a-z]+;/g, (entity) => known.get(entity) ?? entity);
}

/** `<tag>text</tag>`, or nothing when the value is absent. */
export function element(tag: string, text: string | number | undefined): string {
  if (text === undefined) return '';
  return `<${tag}>${typeof text === 'number' ? text : escapeXml(text)}</${tag}>`;
}

/**
 * A blob name or prefix as an element: percent-encoded and marked so when XML cannot carry it, see
 * https://learn.microsoft.com/rest/api/storageservices/list-blobs#blob-and-blob-prefix-name-encoding
 */
export function nameElement(tag: string, name: string): string {
  return NOT_XML.test(name)
    ? `<${tag} Encoded="true">${encodeURIComponent(name)}</${tag}>`
    : `<${tag}>${escapeXml(name)}</${tag}>`;
}

/** A whole document. */
export function xmlDocument(root: string): string {
  return DECLARATION + root;
}

/** The body of an error answer. */
export function errorXml(code: string, message: string): string {
  return xmlDocument(`<Error>${element('Code', code)}${element('Message', message)}</Error>`);
}

export type BlockChoice = 'Committed' | 'Uncommitted' | 'Latest';
export interface BlockReference {
  readonly from: BlockChoice;
  readonly id: string;
}

const BLOCK_LIST = /^\ufeff?\s*(?:<\?xml[^>]{0,200}\?>)?\s*<BlockList(?:\s*\/>\s*$|\s*>)/;
const BLOCK_LIST_END = '</BlockList>';
const BLOCK = /\s*<(Committed|Uncommitted|Latest)>\s*([A-Za-z0-9+/=]{1,100})\s*<\/\1\s*>/y;

/**
 * Reads the body of Put Block List. It is a flat list of three tags around base64, so the exact form is checked
 * here instead of trusting a general parser with hostile input.
 */
export function parseBlockList(text: string): BlockReference[] | Failure {
  const head = BLOCK_LIST.exec(text);
  if (!head) return fail('InvalidXmlDocument');
  if (head[0].trimEnd().endsWith('/>')) return [];
  const blocks: BlockReference[] = [];
  let at = head[0].length;
  for (;;) {
    BLOCK.lastIndex = at;
    const match = BLOCK.exec(text);
    if (!match) break;
    blocks.push({ from: match[1] as BlockChoice, id: match[2] ?? '' });
    at = BLOCK.lastIndex;
  }
  if (text.slice(at).trim() !== BLOCK_LIST_END) return fail('InvalidXmlDocument');
  return blocks;
}
