import { fail, failed, type Failure } from './errors';
import { MAX_STORED_POLICIES, MAX_POLICY_ID_LENGTH } from './limits';
import { element, unescapeXml, xmlDocument } from './xml';

/** A stored access policy: what a SAS that names it need not say itself. Times as they were sent (ISO 8601). */
export interface AccessPolicy {
  readonly id: string;
  readonly start?: string | undefined;
  readonly expiry?: string | undefined;
  readonly permission?: string | undefined;
}

const ROOT = /^\ufeff?\s*(?:<\?xml[^>]{0,200}\?>)?\s*<SignedIdentifiers(\s*\/>\s*$|\s*>)/;
const END = '</SignedIdentifiers>';
const POLICY =
  /\s*<SignedIdentifier>\s*<Id>([^<]{1,400})<\/Id>\s*(?:<AccessPolicy>((?:\s*<(?:Start|Expiry|Permission)>[^<]{0,100}<\/(?:Start|Expiry|Permission)>|\s*<(?:Start|Expiry|Permission)\s*\/>){0,3})\s*<\/AccessPolicy>|<AccessPolicy\s*\/>)?\s*<\/SignedIdentifier>/y;
/** https://learn.microsoft.com/rest/api/storageservices/formatting-datetime-values */
const TIME = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,7})?)?Z)?$/;
const PERMISSIONS = /^[racwdxltmeop]*$/;

/**
 * Reads the body of Set Container ACL. As with block lists the exact form is checked, instead of trusting a general
 * parser with hostile input.
 */
export function parsePolicies(text: string): AccessPolicy[] | Failure {
  const head = ROOT.exec(text);
  if (!head) return fail('InvalidXmlDocument');
  const policies: AccessPolicy[] = [];
  if (head[1]?.trim() === '/>') return policies;
  let at = head[0].length;
  for (;;) {
    POLICY.lastIndex = at;
    const match = POLICY.exec(text);
    if (!match) break;
    const policy = readPolicy(unescapeXml(match[1] ?? ''), match[2] ?? '');
    if (failed(policy)) return policy;
    policies.push(policy);
    at = POLICY.lastIndex;
  }
  if (text.slice(at).trim() !== END) return fail('InvalidXmlDocument');
  if (policies.length > MAX_STORED_POLICIES) return fail('InvalidXmlDocument', 'At most 5 policies.');
  if (new Set(policies.map(({ id }) => id)).size < policies.length)
    return fail('InvalidXmlDocument', 'Two policies have the same id.');
  return policies;
}

function readPolicy(id: string, fields: string): AccessPolicy | Failure {
  if (id.length > MAX_POLICY_ID_LENGTH) return fail('InvalidXmlDocument', 'The id of a policy is too long.');
  const read = (tag: string): string | undefined => {
    const value = new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(fields)?.[1]?.trim();
    return value === '' ? undefined : value;
  };
  const policy = { id, start: read('Start'), expiry: read('Expiry'), permission: read('Permission') };
  for (const time of [policy.start, policy.expiry]) {
    if (time !== undefined && (!TIME.test(time) || Number.isNaN(Date.parse(time))))
      return fail('InvalidXmlDocument', 'A time is not in the form of ISO 8601.');
  }
  if (!PERMISSIONS.test(policy.permission ?? '')) return fail('InvalidXmlDocument', 'Unknown permissions.');
  return policy;
}

/** The answer of Get Container ACL. */
export function policiesXml(policies: readonly AccessPolicy[]): string {
  const entries = policies.map(
    ({ id, start, expiry, permission }) =>
      `<SignedIdentifier>${element('Id', id)}<AccessPolicy>${element('Start', start)}${element('Expiry', expiry)}` +
      `${element('Permission', permission)}</AccessPolicy></SignedIdentifier>`,
  );
  return xmlDocument(`<SignedIdentifiers>${entries.join('')}</SignedIdentifiers>`);
}
