import { junk } from './cosmos-bodies';
import { http, signed, type Headers } from './cosmos-http';
import type { Kinds } from './http-attack';

const DOCS = '/dbs/db/colls/c/docs';

/** What is malformed as HTTP already, or ends too early. */
export const FRAMES: Kinds = {
  'bytes that are no request': (r) => {
    const line = r.pick([
      'GET',
      `GET ${DOCS}`,
      `GET ${DOCS} HTTP/9.9`,
      `get ${DOCS} HTTP/1.1`,
      `${junk(r, 5)} / HTTP/1.1`,
      'PRI * HTTP/2.0',
      '\x16\x03\x01\x02',
    ]);
    return { bytes: http(line, {}), cut: true };
  },
  'headers beyond all measure, or none': (r) => ({
    bytes: r.pick([
      () => http(`GET ${DOCS} HTTP/1.1`, { x: 'x'.repeat(r.integer(20_000, 90_000)) }),
      () => http(`GET ${DOCS} HTTP/1.1`, { 'a b': 'c' }),
      () => http(`GET ${DOCS} HTTP/1.1`, { x: 'a\0b' }),
      () => `GET ${DOCS} HTTP/1.1\r\nconnection: close\r\n\r\n`,
      () => `GET ${DOCS} HTTP/1.1\r\nno colon\r\n\r\n`,
      () => http(`POST ${DOCS} HTTP/1.1`, { expect: 'the-unexpected' }),
      () => http('CONNECT 127.0.0.1:80 HTTP/1.1', {}),
      () => http(`GET ${DOCS} HTTP/1.1`, { connection: 'close, Upgrade', upgrade: 'websocket' }),
    ])(),
  }),
  'a length or a chunk that is none': (r) => ({
    bytes:
      http(
        `POST ${DOCS} HTTP/1.1`,
        r.pick<Headers>([
          { 'content-length': '-1' },
          { 'content-length': '1e3' },
          { 'content-length': '9'.repeat(20) },
          { 'content-length': '5', 'transfer-encoding': 'chunked' },
          { 'transfer-encoding': 'gzip' },
          { 'transfer-encoding': 'chunked' },
          { 'content-length': '1000' },
        ]),
      ) + r.pick(['zz\r\nhello\r\n', '5\r\nhelloX', '-5\r\nhello\r\n', 'ffffffffffffffffff\r\nx', '']),
    cut: true,
  }),
  'a request that ends too early': (r) => {
    const whole = signed(
      'POST',
      DOCS,
      { 'content-type': 'application/json', 'x-ms-documentdb-partitionkey': '["p"]' },
      JSON.stringify({ id: 'cut', pk: 'p' }),
    ).bytes;
    return { bytes: whole.slice(0, r.integer(1, whole.length - 1)), cut: true };
  },
};
