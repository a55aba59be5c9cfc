import { isUtf8 } from 'node:buffer';
import type { HttpRequest } from '@azure/functions';
import { isObject, unwritable, type Json, type JsonObject } from '../../domain/json';
import { Problem } from '../../domain/problem';

/** Longest body of a request about a subscription, bytes. */
export const MAX_BODY_BYTES = 32 * 1024;

const MAX_BODY_DEPTH = 64;

const JSON_TYPE = 'application/json';

/** A JSON merge patch has a type of its own (RFC 7396), and is often sent without it. */
export const PATCH_TYPES: readonly string[] = [JSON_TYPE, 'application/merge-patch+json'];

/**
 * The JSON object that a request carries.
 * @param types content types that are taken
 * @throws Problem `body-too-large`, `unsupported-media-type`, `malformed-body`
 */
export async function objectOf(
  request: HttpRequest,
  types: readonly string[] = [JSON_TYPE],
): Promise<JsonObject> {
  return parseObject(await bytesOf(request), request, types);
}

/** As {@link objectOf}; no body at all is an object without members. */
export async function objectIfAny(request: HttpRequest): Promise<JsonObject> {
  const bytes = await bytesOf(request);
  return bytes.length === 0 ? {} : parseObject(bytes, request, [JSON_TYPE]);
}

async function bytesOf(request: HttpRequest): Promise<Buffer> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  const bytes = declared > MAX_BODY_BYTES ? undefined : Buffer.from(await request.arrayBuffer());
  if (bytes && bytes.length <= MAX_BODY_BYTES) return bytes;
  throw new Problem(
    'body-too-large',
    `The body is ${bytes?.length ?? declared} bytes long; at most ${MAX_BODY_BYTES} are allowed.`,
    { limit: MAX_BODY_BYTES, unit: 'bytes' },
  );
}

function parseObject(bytes: Buffer, request: HttpRequest, types: readonly string[]): JsonObject {
  const type = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (!types.includes(type)) {
    throw new Problem(
      'unsupported-media-type',
      `The content type "${type.slice(0, 100)}" is not supported. Send ${types.join(' or ')}.`,
      { supported: types },
    );
  }
  const value = parse(bytes);
  const reason = value === undefined ? 'It is not JSON in UTF-8.' : unwritable(value, MAX_BODY_DEPTH);
  if (reason !== undefined) throw malformed(reason);
  if (isObject(value)) return value;
  throw malformed('It is not a JSON object.');
}

const malformed = (reason: string): Problem =>
  new Problem('malformed-body', `The body cannot be read. ${reason}`, { reason });

/** Undefined when it is no JSON. What the parser says would repeat a part of the body, which may hold a secret. */
function parse(bytes: Buffer): Json | undefined {
  if (!isUtf8(bytes)) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8')) as Json;
  } catch {
    return undefined;
  }
}
