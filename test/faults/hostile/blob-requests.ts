import type { StorageSharedKeyCredential } from '@azure/storage-blob';
import type { Chance } from './child-endpoint';

/** A request that must be refused: as HTTP, or as the bytes of a connection. */
export type Hostile =
  | {
      readonly what: string;
      readonly method: string;
      readonly path: string;
      readonly headers: Record<string, string>;
      readonly body?: Buffer;
    }
  | { readonly what: string; readonly bytes: Buffer };

/** What the requests are made of: everything in it is valid. */
export interface Target {
  readonly account: string;
  readonly container: string;
  /** A blob of 100 bytes that is there. */
  readonly blob: string;
  readonly credential: StorageSharedKeyCredential;
  /** A SAS of the account with all permissions, one that has expired, and one signed with another key. */
  readonly sas: { readonly good: string; readonly expired: string; readonly foreign: string };
}

type Make = (chance: Chance, target: Target) => Hostile;

const PUT = { 'x-ms-blob-type': 'BlockBlob' };

const xml: Make = (chance, { account, container, sas }) => {
  const id = Buffer.from('no such block').toString('base64');
  const entries = Array.from({ length: 1 + chance.below(4) }, () => `<Latest>${id}</Latest>`).join('');
  const good = Buffer.from(`<?xml version="1.0" encoding="utf-8"?><BlockList>${entries}</BlockList>`);
  const text = good.toString();
  const body = chance.one<() => Buffer>([
    () => good.subarray(0, chance.below(good.length)),
    () => chance.flipped(good),
    () => Buffer.concat([good, chance.bytes(1 + chance.below(20))]),
    () => chance.bytes(chance.below(500)),
    () => Buffer.from(text.replaceAll('Latest', chance.one(['latest', 'Later', 'Latest x="1"', 'a:Latest']))),
    () => Buffer.from(`<!DOCTYPE a [<!ENTITY b "${'c'.repeat(100)}">]>${text.replace(id, '&b;')}`),
    () => Buffer.from('<BlockList>'.repeat(2_000)),
    () => Buffer.from(text.replace(id, id.repeat(20))),
    () => Buffer.from(text.replace(id, '')),
  ])();
  return {
    what: 'xml',
    method: 'PUT',
    path: `/${account}/${container}/new?comp=blocklist&${sas.good}`,
    headers: {},
    body,
  };
};

const policies: Make = (chance, { account, container, credential }) => {
  const fields = '<Start>2030-01-01</Start><Expiry>2031-01-01T00:00:00Z</Expiry><Permission>r</Permission>';
  const entry = `<SignedIdentifier><Id>one</Id><AccessPolicy>${fields}</AccessPolicy></SignedIdentifier>`;
  const text = `<SignedIdentifiers>${entry}</SignedIdentifiers>`;
  const body = chance.one<() => Buffer>([
    () => Buffer.from(text.slice(0, 1 + chance.below(text.length - 1))),
    () => Buffer.from(text.replace(entry, entry.repeat(2 + chance.below(5)))),
    () => Buffer.from(text.replace('2030', chance.one(['x', '20300', '-1', '2030-99']))),
    () =>
      Buffer.from(
        text.replace('>r<', chance.one(['>R<', '>read?<', '><![CDATA[r]]><', `>${'r'.repeat(200)}<`])),
      ),
    () => Buffer.from(text.replace('one', chance.one(['', 'x'.repeat(65), '<b/>', 'x'.repeat(9_000)]))),
    () => Buffer.from(text.replace(fields, fields.repeat(2))),
    () => Buffer.from(`${text}${text}`),
    () => Buffer.from(`<!DOCTYPE a>${text}`),
    () => chance.bytes(1 + chance.below(300)),
    () => Buffer.from('<SignedIdentifiers>'.repeat(800)),
  ])();
  const date = new Date().toUTCString();
  const signature = credential.computeHMACSHA256(
    `PUT\n\n\n${body.length}${'\n'.repeat(9)}x-ms-date:${date}\nx-ms-version:2026-10-06\n/${account}/${account}/${container}\ncomp:acl\nrestype:container`,
  );
  const headers = {
    'x-ms-date': date,
    'x-ms-version': '2026-10-06',
    authorization: `SharedKey ${account}:${signature}`,
  };
  const path = `/${account}/${container}?restype=container&comp=acl`;
  return { what: 'policies', method: 'PUT', path, headers, body };
};

const sas: Make = (chance, { account, container, blob, sas: tokens }) => {
  const pairs = tokens.good.split('&');
  const at = chance.below(pairs.length);
  const [name = '', value = ''] = (pairs[at] ?? '').split('=');
  const query = chance.one<() => string>([
    () => tokens.expired,
    () => tokens.foreign,
    () => pairs.filter((_, index) => index !== at).join('&'),
    () =>
      pairs
        .map((pair, index) =>
          index === at ? `${name}=${encodeURIComponent(chance.altered(decodeURIComponent(value)))}` : pair,
        )
        .join('&'),
    () => pairs.map((pair, index) => (index === at ? `${name}=` : pair)).join('&'),
    () => tokens.good.replace(/sig=[^&]*/, `sig=${'A'.repeat(chance.below(5_000))}`),
    () => tokens.good.replace(/se=[^&]*/, 'se=2020-01-01T00%3A00%3A00Z'),
    () => `${tokens.good}&si=policy`,
  ])();
  return {
    what: `sas ${name}`,
    method: 'GET',
    path: `/${account}/${container}/${blob}?${query}`,
    headers: {},
  };
};

const sharedKey: Make = (chance, { account, container, blob, credential }) => {
  const path = `/${account}/${container}/${blob}`;
  const sign = (date: string): string =>
    credential.computeHMACSHA256(
      `GET${'\n'.repeat(12)}x-ms-date:${date}\nx-ms-version:2026-10-06\n/${account}${path}`,
    );
  const now = new Date().toUTCString();
  const old = new Date(Date.now() - 3_600_000).toUTCString();
  const signature = sign(now);
  const headers = { 'x-ms-date': now, 'x-ms-version': '2026-10-06' };
  const signed = (text: string) => ({ ...headers, authorization: text });
  const good = `SharedKey ${account}:${signature}`;
  const request = chance.one<
    () => Partial<{ method: string; path: string }> & { headers: Record<string, string> }
  >([
    () => ({ headers: signed(`SharedKey ${account}:${chance.altered(signature)}`) }),
    () => ({ headers: signed(`SharedKey ${account}x:${signature}`) }),
    () => ({ headers: signed(`SharedKeyLite ${account}:${signature}`) }),
    () => ({
      headers: signed(
        chance.one([
          'Bearer x.y.z',
          'SharedKey',
          'SharedKey :',
          `SharedKey ${account}`,
          'x'.repeat(9_000),
          'Basic YTpi',
        ]),
      ),
    }),
    () => ({ headers: { 'x-ms-version': '2026-10-06', authorization: good } }),
    () => ({ headers: { ...signed(`SharedKey ${account}:${sign(old)}`), 'x-ms-date': old } }),
    () => ({ headers: { ...signed(good), 'x-ms-date': 'yesterday' } }),
    () => ({ headers: { ...signed(good), 'x-ms-added': 'later' } }),
    () => ({ headers: { ...signed(good), range: 'bytes=0-1' } }),
    () => ({ headers: signed(good), method: chance.one(['DELETE', 'PUT', 'HEAD']) }),
    () => ({ headers: signed(good), path: `${path}2` }),
    () => ({ headers: signed(good), path: `${path}?comp=metadata` }),
  ])();
  return { what: 'shared key', method: 'GET', path, ...request };
};

/** Method, what follows the path of the blob (or of the container, with a leading `^`), headers, body. */
type Wrong = readonly [method: string, suffix: string, headers: Record<string, string>, body?: string];

const wrong = (chance: Chance, url: string): readonly Wrong[] => {
  const junk = chance.one([
    '',
    ' ',
    '-1',
    '1e99',
    'null',
    'x'.repeat(5_000),
    '%00',
    '"',
    '\u00e4',
    '0x10',
    '99999999999999999999',
  ]);
  return [
    ['PUT', '', {}, 'body'],
    ['PUT', '', { 'x-ms-blob-type': `Blob${junk}` }, 'body'],
    ['PUT', '', { ...PUT, 'content-md5': `m${junk}` }, 'body'],
    ['PUT', '', { ...PUT, 'content-md5': Buffer.alloc(16).toString('base64') }, 'body'],
    ['PUT', '', { ...PUT, 'x-ms-content-crc64': `c${junk}` }, 'body'],
    ['PUT', '', { ...PUT, 'x-ms-meta-a-b': 'x' }, 'body'],
    ['PUT', '', { ...PUT, 'x-ms-meta-a': 'x'.repeat(9_000) }, 'body'],
    ['PUT', '', { ...PUT, 'x-ms-access-tier': `Cold${junk}` }, 'body'],
    ['PUT', '', { ...PUT, 'if-modified-since': `someday${junk}` }, 'body'],
    ['PUT', '', { ...PUT, 'if-match': `"none${junk}"` }, 'body'],
    ['PUT', '', { ...PUT, 'x-ms-lease-id': `lease${junk}` }, 'body'],
    ['PUT', '', { ...PUT, 'x-ms-version': `2026${junk}` }, 'body'],
    ['PUT', '', { 'x-ms-copy-source': `here${junk}` }],
    ['PUT', '', { ...PUT, 'x-ms-copy-source': `ftp://elsewhere/${junk}` }],
    ['PUT', '', { ...PUT, 'x-ms-copy-source': url }, 'a body beside the source'],
    ['PUT', '', { ...PUT, 'x-ms-copy-source': url, 'x-ms-source-range': `bytes=${junk}x` }],
    ['PUT', `?comp=block&blockid=${encodeURIComponent(`*${junk}`)}`, {}, 'body'],
    ['PUT', '?comp=block&blockid=AAAA', {}],
    ['PUT', '?comp=block', {}, 'body'],
    ['PUT', '?comp=lease', { 'x-ms-lease-action': `take${junk}` }],
    ['PUT', '?comp=lease', { 'x-ms-lease-action': 'acquire', 'x-ms-lease-duration': `1${junk}z` }],
    ['PUT', '?comp=lease', { 'x-ms-lease-action': 'renew', 'x-ms-lease-id': `z${junk}` }],
    ['PUT', `?comp=tags${encodeURIComponent(junk)}`, {}, 'body'],
    ['GET', '', { range: 'bytes=1000000-' }],
    ['GET', '', { 'x-ms-range': 'bytes=0-9', 'x-ms-range-get-content-md5': 'true', 'x-ms-lease-id': 'none' }],
    ['GET', '?snapshot=2026', {}],
    ['GET', '?comp=blocklist&blocklisttype=some', {}],
    ['GET', '^?restype=container&comp=list&maxresults=0', {}],
    ['GET', '^?restype=container&comp=list&maxresults=x', {}],
    ['GET', '^?restype=container&comp=list&marker=a/b', {}],
    ['GET', `^?restype=container&comp=list&include=x${encodeURIComponent(junk)}`, {}],
    ['PUT', '^?restype=container&comp=lease', { 'x-ms-lease-action': `break${junk}x` }],
    ['PUT', '^?restype=container&comp=acl', {}, '<SignedIdentifiers>'],
    ['PUT', `^?restype=volume${encodeURIComponent(junk)}`, {}],
    [chance.one(['PATCH', 'PROPFIND', 'POST', 'TRACE', 'LOCK', 'MKCOL']), '', {}, 'body'],
    ['DELETE', '?comp=everything', {}],
    ['DELETE', '', { 'x-ms-lease-id': `z${junk}` }],
  ];
};

const headers: Make = (chance, { account, container, blob, sas: { good } }) => {
  const url = `http://127.0.0.1/${account}/${container}/${blob}?${good}`;
  const [method, suffix, given, body] = chance.one(wrong(chance, url));
  const isContainer = suffix.startsWith('^');
  const rest = isContainer ? suffix.slice(1) : suffix;
  const base = isContainer ? `/${account}/${container}` : `/${account}/${container}/${blob}`;
  const path = `${base}${rest}${rest.includes('?') ? '&' : '?'}${good}`;
  return {
    what: `headers ${suffix}`,
    method,
    path,
    headers: given,
    ...(body === undefined ? {} : { body: Buffer.from(body) }),
  };
};

const paths: Make = (chance, { account, container, sas: { good } }) => {
  const path = chance.one([
    `/${account}/${container}/%zz`,
    `/${account}/${container}/%ff%fe`,
    `/${account}/${container}/a?b=%&${good}`,
    `/${account}/${container}/${'n'.repeat(1_100)}?${good}`,
    `/${account}/Not_A_Container/x?${good}`,
    `/${account}/${'c'.repeat(64)}/x?${good}`,
    `/${account}/no-such-container/x?${good}`,
    `/another/${container}/x?${good}`,
    '/',
    '//',
    '/?',
    `/${account}/${container}/no-such-blob?${good}`,
    `/${account}`,
    `/../../etc/passwd?${good}`,
    `/${account}/${container}/${encodeURIComponent(chance.bytes(20).toString('utf8'))}?${good}&comp=${chance.below(9)}`,
  ]);
  return { what: 'path', method: chance.one(['GET', 'HEAD', 'PUT', 'DELETE']), path, headers: {} };
};

/** Bytes that are no request, or one that is never whole. */
const frames: Make = (chance, { account, container, sas: { good } }) => {
  const line = `PUT /${account}/${container}/new?${good} HTTP/1.1\r\nHost: x\r\nx-ms-blob-type: BlockBlob\r\n`;
  const whole = `${line}Content-Length: 4\r\n\r\nbody`;
  const bytes = chance.one<() => Buffer>([
    () => chance.bytes(1 + chance.below(300)),
    () => Buffer.from(whole.slice(0, 1 + chance.below(whole.length - 1))),
    () =>
      Buffer.from(
        `${line}Content-Length: ${chance.one(['-1', 'four', '4, 5', '0x4', '1e3', '99999999999999999999'])}\r\n\r\nbody`,
      ),
    () => Buffer.from(`${line}Content-Length: ${100 + chance.below(1e6)}\r\n\r\nbody`),
    () => Buffer.from(`${line}Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody`),
    () => Buffer.from(`${line}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\nbody`),
    () =>
      Buffer.from(
        `${line}Transfer-Encoding: chunked\r\n\r\n${chance.one(['zz', '-4', 'fffffffffffffffff', '4'])}\r\nbo`,
      ),
    () => Buffer.from(`${line}X: ${'y'.repeat(70_000)}\r\n\r\n`),
    () => Buffer.from(`${line}no colon here\r\n\r\n`),
    () => Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    () => Buffer.from(`${line.replace('HTTP/1.1', chance.one(['HTTP/9.9', 'HTP/1.1', '']))}\r\n`),
  ])();
  return { what: 'frame', bytes };
};

/** The kinds, with how often each is made. */
const KINDS: readonly (readonly [weight: number, Make])[] = [
  [4, xml],
  [2, policies],
  [5, sas],
  [5, sharedKey],
  [7, headers],
  [2, paths],
  [3, frames],
];
const TABLE = KINDS.flatMap(([weight, make]) => Array.from({ length: weight }, () => make));

/** A request that a Blob endpoint must refuse. */
export const hostileRequest: Make = (chance, target) => chance.one(TABLE)(chance, target);
