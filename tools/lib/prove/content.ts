import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';

/** Tells texts apart, and costs little: nobody here forges. */
export const contentHash = (text: string): string => hash('sha1', text, 'base64');

/** Of a value, whatever the order of its members (https://www.rfc-editor.org/rfc/rfc8785). */
export const canonicalHash = (value: unknown): string => contentHash(canonicalize(value) ?? '');
