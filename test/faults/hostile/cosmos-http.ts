import { createHmac } from 'node:crypto';
import type { Malformed } from './raw-http';

export const KEY = Buffer.from('a key for tests only').toString('base64');

export type Headers = Readonly<Record<string, string>>;

/** The authorization of https://learn.microsoft.com/rest/api/cosmos-db/access-control-on-cosmosdb-resources. */
export function sign(method: string, path: string, date: string, key = KEY): string {
  const parts = path.replace('/operations/partitionkeydelete', '').split('/').slice(1);
  const isFeed = parts.length % 2 === 1;
  const type = (isFeed ? parts.at(-1) : parts.at(-2)) ?? '';
  const link = (isFeed ? parts.slice(0, -1) : parts).join('/');
  const text = `${method.toLowerCase()}\n${type}\n${type === 'offers' ? link.slice(7) : link}\n${date.toLowerCase()}\n\n`;
  const sig = createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest('base64');
  return encodeURIComponent(`type=master&ver=1.0&sig=${sig}`);
}

/** A request as it goes over the wire, one byte a character. */
export function http(line: string, headers: Headers, body: Buffer | string = ''): string {
  const content = Buffer.from(body as string, 'utf8');
  const lines = Object.entries({
    host: '127.0.0.1',
    connection: 'close',
    ...(content.length > 0 && { 'content-length': String(content.length) }),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`);
  return `${[line, ...lines].join('\r\n')}\r\n\r\n${content.toString('latin1')}`;
}

/** A request with a good signature, unless `headers` have another one. */
export function signed(
  method: string,
  path: string,
  headers: Headers = {},
  body: Buffer | string = '',
): Malformed {
  const date = new Date().toUTCString();
  const own = { 'x-ms-date': date, authorization: sign(method, path, date), ...headers };
  return { bytes: http(`${method} ${path} HTTP/1.1`, own, body) };
}
