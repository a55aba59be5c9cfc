import {
  badDefinition,
  badItem,
  badJson,
  badKey,
  badOperation,
  badQuery,
  base64,
  junk,
} from './cosmos-bodies';
import { FRAMES } from './cosmos-frames';
import { sign, signed, type Headers } from './cosmos-http';
import type { Kinds } from './http-attack';

const JSON_TYPE = { 'content-type': 'application/json' };
const QUERY = { 'content-type': 'application/query+json', 'x-ms-documentdb-isquery': 'True' };
const BATCH = { ...JSON_TYPE, 'x-ms-cosmos-is-batch-request': 'true', 'x-ms-cosmos-batch-atomic': 'true' };
const PARTITION = { 'x-ms-documentdb-partitionkey': '["p"]' };
const FEED = { 'a-im': 'Incremental Feed' };
const DOCS = '/dbs/db/colls/c/docs';
const MINUTE = 60_000;

export const KINDS: Kinds = {
  'a key or a signature that is wrong': (r) => {
    const date = new Date().toUTCString();
    const good = sign('GET', DOCS, date);
    const at = r.integer(20, good.length - 10);
    const flipped = good[at] === 'a' ? 'b' : 'a';
    const authorization = r.pick([
      sign('GET', DOCS, date, Buffer.from(junk(r, r.integer(1, 64))).toString('base64')),
      sign('POST', DOCS, date),
      sign('GET', `${DOCS}/x`, date),
      sign('GET', '/dbs/db/colls/h/docs', date),
      sign('GET', DOCS, new Date(Date.now() - MINUTE).toUTCString()),
      `${good.slice(0, at)}${flipped}${good.slice(at + 1)}`,
      good.slice(0, at),
      good.replace('master', r.pick(['resource', 'aad', ''])),
      '%',
      '%zz',
      '',
      `Bearer ${junk(r, 40)}`,
      junk(r, r.integer(1, 4_000)),
    ]);
    return signed('GET', DOCS, { 'x-ms-date': date, authorization });
  },
  'a signature that has expired, or is not yet valid': (r) => {
    const skew = r.pick([-1, 1]) * r.integer(16, 10_000_000) * MINUTE;
    const date = new Date(Date.now() + skew).toUTCString();
    return signed('GET', DOCS, { 'x-ms-date': date, authorization: sign('GET', DOCS, date) });
  },
  'a date that is none': (r) => {
    const date = r.pick([
      '',
      'yesterday',
      '0',
      '32 Jan 2030',
      '2030-01-01T00:00:00Z',
      junk(r, 30),
      '9'.repeat(400),
    ]);
    return signed('GET', DOCS, { 'x-ms-date': date, authorization: sign('GET', DOCS, date) });
  },
  'a body that is no JSON': (r) =>
    r.pick([
      () => signed('POST', DOCS, { ...JSON_TYPE, ...PARTITION }, badJson(r, { id: 'new', pk: 'p', n: 'x' })),
      () =>
        signed('PUT', `${DOCS}/x`, { ...JSON_TYPE, ...PARTITION }, badJson(r, { id: 'x', pk: 'p', n: 'x' })),
      () => signed('POST', DOCS, QUERY, badJson(r, { query: 'SELECT * FROM c', parameters: [], n: 'x' })),
      () =>
        signed('POST', DOCS, { ...BATCH, ...PARTITION }, badJson(r, [{ operationType: 'Read', id: 'x' }])),
      () => signed('PATCH', `${DOCS}/x`, PARTITION, badJson(r, { operations: [], condition: 'x' })),
      () => signed('POST', '/dbs', JSON_TYPE, badJson(r, { id: 'new', n: 'x' })),
      () => signed('POST', '/dbs/db/colls', JSON_TYPE, badJson(r, { id: 'new', n: 'x' })),
      () => signed('POST', DOCS, { ...JSON_TYPE, ...PARTITION }),
    ])(),
  'an item that is none': (r) => {
    const body = JSON.stringify(badItem(r));
    return r.pick([
      () => signed('POST', DOCS, { ...JSON_TYPE, ...PARTITION }, body),
      () => signed('POST', DOCS, { ...JSON_TYPE, ...PARTITION, 'x-ms-documentdb-is-upsert': 'true' }, body),
      () => signed('PUT', `${DOCS}/x`, { ...JSON_TYPE, ...PARTITION }, body),
    ])();
  },
  'a patch that is none': (r) => {
    const operations = r.pick<unknown>([
      5,
      'x',
      [],
      {},
      [badOperation(r)],
      [{ op: 'set', path: '/n', value: 1 }, badOperation(r)],
      Array.from({ length: 11 }, () => ({ op: 'set', path: '/n', value: 1 })),
    ]);
    const condition = r.pick<unknown>([undefined, undefined, 5, 'FROM c WHERE', 'SELECT', junk(r, 20)]);
    return signed(
      'PATCH',
      `${DOCS}/x`,
      { ...JSON_TYPE, ...PARTITION },
      JSON.stringify({ operations, condition }),
    );
  },
  'a batch that is none': (r) => {
    const read = { operationType: 'Read', id: 'x' };
    const body = r.pick<unknown>([
      null,
      5,
      {},
      [],
      'x',
      Array.from({ length: r.integer(101, 500) }, () => read),
    ]);
    return r.pick([
      () => signed('POST', DOCS, { ...BATCH, ...PARTITION }, JSON.stringify(body)),
      () => signed('POST', DOCS, BATCH, JSON.stringify([read])),
      () =>
        signed('POST', DOCS, { ...BATCH, 'x-ms-documentdb-partitionkey': badKey(r) }, JSON.stringify([read])),
    ])();
  },
  'a query that is none': (r) => {
    const good = { query: 'SELECT * FROM c', parameters: [] };
    const body = r.pick<unknown>([
      { query: badQuery(r), parameters: [] },
      { query: badQuery(r), parameters: [] },
      { query: badQuery(r), parameters: [] },
      { ...good, query: r.pick([5, null, [], {}]) },
      { ...good, parameters: r.pick<unknown>([5, 'x', {}, [5], [{}], [{ name: 7 }]]) },
    ]);
    const plan = { ...QUERY, 'x-ms-cosmos-is-query-plan-request': 'True' };
    return signed(
      'POST',
      r.pick([DOCS, DOCS, '/dbs', '/dbs/db/colls', '/offers']),
      r.pick([QUERY, QUERY, plan]),
      JSON.stringify(body),
    );
  },
  'a page that is none': (r) => {
    const continuation = r.pick([
      'junk',
      '+',
      '+!',
      base64('[]'),
      base64('{}'),
      base64('[1,-1,0]'),
      base64('[{},0,0]'),
      base64('[null,0,-7]'),
      base64('[null,0,1e300]'),
      junk(r, r.integer(1, 3_000)),
    ]);
    const headers = r.pick<Headers>([
      { 'x-ms-continuation': continuation },
      { 'x-ms-max-item-count': r.pick(['0', '-2', 'x', '1e3', '1.5', '99999999999', ' ', 'NaN']) },
      { 'x-ms-documentdb-partitionkey': badKey(r) },
      { 'x-ms-documentdb-partitionkeyrangeid': r.pick(['1', '-1', 'x', '0x0', '9'.repeat(300)]) },
      { 'x-ms-start-epk': r.pick(['G', '-', "' OR 1=1"]), 'x-ms-end-epk': 'FF' },
    ]);
    const body = JSON.stringify({ query: 'SELECT * FROM c', parameters: [] });
    return r.pick([
      () => signed('POST', DOCS, { ...QUERY, ...headers }, body),
      () => signed('GET', DOCS, headers),
    ])();
  },
  'a change feed that is none': (r) =>
    signed(
      'GET',
      DOCS,
      r.pick<Headers>([
        { 'a-im': junk(r, 12) },
        { 'a-im': '' },
        { ...FEED, 'if-none-match': r.pick(['x', '"x"', '-1', '"1.5"', '9'.repeat(16), '"', '[]', '']) },
        { ...FEED, 'if-modified-since': r.pick(['x', '0x', 'yesterday', junk(r, 9)]) },
        { ...FEED, 'x-ms-documentdb-partitionkeyrangeid': '77' },
        { ...FEED, 'x-ms-documentdb-partitionkey': badKey(r) },
        { ...FEED, 'x-ms-start-epk': 'zz' },
        { 'a-im': 'Full-Fidelity Feed' },
        { 'a-im': 'Full-Fidelity Feed', 'if-none-match': '"0"' },
        { 'a-im': 'Full-Fidelity Feed', 'if-none-match': 'x' },
        { 'a-im': 'Full-Fidelity Feed', 'if-modified-since': new Date(0).toUTCString() },
      ]),
    ),
  'a container or a throughput that is none': (r) => {
    const good = JSON.stringify({ id: 'n', partitionKey: { paths: ['/pk'] } });
    const throughput = r.pick(['0', '399', '450', '-400', 'x', '1e3x', 'Infinity', '2000000', '']);
    const autoscale = r.pick([
      '{',
      '5',
      '{}',
      '{"maxThroughput":1}',
      '{"maxThroughput":"x"}',
      '{"maxThroughput":1500}',
    ]);
    return r.pick([
      () => signed('POST', '/dbs/db/colls', JSON_TYPE, JSON.stringify(badDefinition(r))),
      () => signed('PUT', '/dbs/db/colls/c', JSON_TYPE, JSON.stringify(badDefinition(r))),
      () =>
        signed(
          'POST',
          '/dbs',
          JSON_TYPE,
          JSON.stringify(r.pick<unknown>([null, [], {}, { id: 5 }, { id: 'a#b' }])),
        ),
      () => signed('POST', '/dbs/db/colls', { ...JSON_TYPE, 'x-ms-offer-throughput': throughput }, good),
      () =>
        signed(
          'POST',
          '/dbs/db/colls',
          { ...JSON_TYPE, 'x-ms-cosmos-offer-autopilot-settings': autoscale },
          good,
        ),
      () =>
        signed(
          'PUT',
          '/offers/c1',
          JSON_TYPE,
          JSON.stringify(
            r.pick<unknown>([
              null,
              {},
              { id: 'c1', _rid: 'c1' },
              { id: 'c1', _rid: 'c1', content: { offerThroughput: throughput } },
            ]),
          ),
        ),
    ])();
  },
  'a part of a key, where all of it is needed': (r) => {
    const headers = { 'x-ms-documentdb-partitionkey': r.pick(['["a"]', '[]', badKey(r)]) };
    return signed(r.pick(['GET', 'DELETE', 'PATCH']), '/dbs/db/colls/h/docs/x', headers);
  },
  'a path or a method that is nobody’s': (r) => {
    const path = r.pick([
      '/media',
      '/dbs/none',
      '/dbs/db/users',
      '/dbs/db/colls/none/docs',
      '/dbs/db/colls/c/sprocs',
      '/dbs/db/colls/c/docs/x/attachments',
      '/dbs/%zz',
      '/dbs/%00',
      '/offers/none',
      `/${'dbs/'.repeat(r.integer(7, 2_000))}x`,
      `/dbs/${'x'.repeat(r.integer(1, 9_000))}`,
    ]);
    return r.pick([
      () =>
        signed('POST', '/dbs/db/colls/c/operations/partitionkeydelete', {
          'x-ms-documentdb-partitionkey': badKey(r),
        }),
      () => signed('GET', path),
      () => signed(r.pick(['PATCH', 'DELETE', 'PUT', 'OPTIONS', 'TRACE', 'PROPFIND']), DOCS),
      () =>
        signed(
          r.pick(['POST', 'PATCH', 'OPTIONS']),
          `${DOCS}/x`.slice(0, r.pick([-2, undefined])),
          { ...JSON_TYPE },
          '{',
        ),
      () => signed('POST', '/dbs/db', JSON_TYPE, '{}'),
    ])();
  },
  ...FRAMES,
};
