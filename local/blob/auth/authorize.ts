import type { KeyObject } from 'node:crypto';
import { fail, failed, type Failure } from '../errors';
import type { BlobRequest, Grant } from '../protocol';
import { checkSas, type FindPolicy, type SasNeed } from './sas';
import { checkSharedKey } from './shared-key';

/** Decides whether the request may do what needs `need`: by the account key, or by a SAS. */
export function authorize(
  request: BlobRequest,
  need: SasNeed,
  key: KeyObject,
  now: number,
  findPolicy: FindPolicy,
): Grant | Failure {
  if (request.header('authorization') !== undefined) {
    const checked = checkSharedKey(request, key, now);
    if (failed(checked)) return checked;
    return { mayReplace: true, accountKey: true, utf8Headers: checked.utf8Headers };
  }
  if (request.query.has('sig')) {
    const checked = checkSas(request.query, request, need, key, now, findPolicy);
    if (failed(checked)) return checked;
    return { mayReplace: checked.mayReplace, accountKey: false, utf8Headers: false };
  }
  return fail('NoAuthenticationInformation');
}
