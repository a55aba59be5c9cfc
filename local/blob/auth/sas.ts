import { createHmac, type KeyObject } from 'node:crypto';
import type { AccessPolicy } from '../access-policy';
import { fail, failed, type Failure } from '../errors';
import { sameSignature } from './shared-key';

/** What an operation needs a SAS to have. */
export interface SasNeed {
  /** Service, container or object: the resource type of an account SAS. */
  readonly resource: 's' | 'c' | 'o';
  /** Any one of these permissions. `c` (create) alone does not allow to replace. */
  readonly anyOf: string;
  /** False: a SAS for a container or a blob never allows it. */
  readonly serviceSas: boolean;
}

export interface SasTarget {
  readonly account: string;
  readonly container: string;
  readonly blob: string;
  readonly remoteAddress: string;
}

type Query = ReadonlyMap<string, string>;

/** String to sign of an account SAS, see https://learn.microsoft.com/rest/api/storageservices/create-account-sas */
function accountText(query: Query, account: string): string {
  const get = (name: string): string => query.get(name) ?? '';
  const version = get('sv');
  const fields = [
    account,
    get('sp'),
    get('ss'),
    get('srt'),
    get('st'),
    get('se'),
    get('sip'),
    get('spr'),
    version,
  ];
  if (version >= '2020-12-06') fields.push(get('ses'));
  return `${fields.join('\n')}\n`;
}

/** String to sign of a service SAS, see https://learn.microsoft.com/rest/api/storageservices/create-service-sas */
function serviceText(query: Query, target: SasTarget): string {
  const get = (name: string): string => query.get(name) ?? '';
  const version = get('sv');
  const blob = query.get('sr') === 'b' ? `/${target.blob}` : '';
  const fields = [
    get('sp'),
    get('st'),
    get('se'),
    `/blob/${target.account}/${target.container}${blob}`,
    get('si'),
    get('sip'),
    get('spr'),
    version,
  ];
  if (version >= '2018-11-09') fields.push(get('sr'), '');
  if (version >= '2020-12-06') fields.push(get('ses'));
  fields.push(get('rscc'), get('rscd'), get('rsce'), get('rscl'), get('rsct'));
  return fields.join('\n');
}

function toNumber(address: string): number {
  const parts = address.replace(/^::ffff:/, '').split('.');
  return parts.length === 4 ? parts.reduce((sum, part) => sum * 256 + Number(part), 0) : Number.NaN;
}

function addressAllowed(range: string, address: string): boolean {
  const [first = '', last = first] = range.split('-');
  const value = toNumber(address);
  return value >= toNumber(first) && value <= toNumber(last);
}

/** The stored access policy of a container by its id; undefined when there is none. */
export type FindPolicy = (container: string, id: string) => AccessPolicy | undefined;

/** What a SAS grants with the policy that it names: each field is in one of the two. */
function withPolicy(query: Query, target: SasTarget, find: FindPolicy): Query | Failure {
  const id = query.get('si');
  if (!id || query.has('srt')) return query;
  const policy = find(target.container, id);
  if (!policy) return fail('AuthenticationFailed', 'There is no such stored access policy.');
  const fields = new Map(query);
  const stored = { st: policy.start, se: policy.expiry, sp: policy.permission };
  for (const [name, value] of Object.entries(stored)) {
    if (value === undefined) continue;
    if (query.get(name)) return fail('AuthenticationFailed', `${name} is in the SAS and in its policy.`);
    fields.set(name, value);
  }
  return fields;
}

function refuseTime(query: Query, now: number): Failure | undefined {
  const start = query.get('st');
  const expiry = query.get('se');
  if (start && !(Date.parse(start) <= now)) return fail('AuthenticationFailed', 'The SAS is not valid yet.');
  if (!expiry || !(Date.parse(expiry) > now)) return fail('AuthenticationFailed', 'The SAS has expired.');
  return undefined;
}

function refuseScope(query: Query, target: SasTarget, need: SasNeed): Failure | undefined {
  const addresses = query.get('sip');
  if (addresses && !addressAllowed(addresses, target.remoteAddress))
    return fail('AuthorizationSourceIPMismatch');
  if (query.get('spr') === 'https') return fail('AuthorizationProtocolMismatch');
  if (query.has('srt')) {
    if (!query.get('ss')?.includes('b')) return fail('AuthorizationServiceMismatch');
    if (!query.get('srt')?.includes(need.resource)) return fail('AuthorizationResourceTypeMismatch');
    return undefined;
  }
  if (!need.serviceSas) return fail('AuthorizationPermissionMismatch', 'A service SAS does not allow it.');
  return undefined;
}

function refuseForm(query: Query, target: SasTarget): Failure | undefined {
  if (query.has('skoid')) return fail('AuthenticationFailed', 'A user delegation SAS is not implemented.');
  if (query.has('srt')) {
    return query.get('si') ? fail('AuthenticationFailed', 'An account SAS has no stored policy.') : undefined;
  }
  const resource = query.get('sr');
  if (resource !== 'b' && resource !== 'c')
    return fail('AuthenticationFailed', 'Only sr=b and sr=c are implemented.');
  if (!target.container || (resource === 'b' && !target.blob)) return fail('AuthenticationFailed');
  return undefined;
}

/**
 * Checks a SAS: signature, time, scope and permission.
 * @returns whether it permits to replace what exists.
 */
export function checkSas(
  query: Query,
  target: SasTarget,
  need: SasNeed,
  key: KeyObject,
  now: number,
  findPolicy: FindPolicy,
): { readonly mayReplace: boolean } | Failure {
  const malformed = refuseForm(query, target);
  if (malformed) return malformed;
  const text = query.has('srt') ? accountText(query, target.account) : serviceText(query, target);
  const expected = createHmac('sha256', key).update(text, 'utf8').digest('base64');
  if (!sameSignature(expected, query.get('sig') ?? '')) {
    return fail('AuthenticationFailed', 'The signature of the SAS does not match.');
  }
  const fields = withPolicy(query, target, findPolicy);
  if (failed(fields)) return fields;
  const refused = refuseTime(fields, now) ?? refuseScope(fields, target, need);
  if (refused) return refused;
  const granted = need.anyOf.split('').filter((permission) => fields.get('sp')?.includes(permission));
  if (granted.length === 0) return fail('AuthorizationPermissionMismatch');
  return { mayReplace: granted.some((permission) => permission !== 'c') };
}
