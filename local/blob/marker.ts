import { fail, type Failure } from './errors';
import type { BlobRequest } from './protocol';

/** The marker of a list that goes on at `name`; opaque to clients. */
export function writeMarker(name: string): string {
  return Buffer.from(name, 'utf8').toString('base64url');
}

/** The name at which a list goes on; undefined at its beginning. */
export function readMarker(request: BlobRequest): string | undefined | Failure {
  const marker = request.query.get('marker');
  if (!marker) return undefined;
  const name = Buffer.from(marker, 'base64url').toString('utf8');
  return writeMarker(name) === marker ? name : fail('InvalidQueryParameterValue', 'marker');
}
