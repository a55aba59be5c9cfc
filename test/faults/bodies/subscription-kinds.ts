/** Requests about subscriptions: members of the wrong type, and filters that cost, escape or never end. */
import type { Random } from '../../../tools/lib/random';
import { elementsOf, joined, type Members } from './good';
import { withMember } from './json-kinds';
import { kindsOf, type Kind } from './kind';

const nestedFilter = (depth: number): string => `{"$not":`.repeat(depth) + '{"a":1}' + '}'.repeat(depth);
const manyPaths = (count: number): string =>
  `{${Array.from({ length: count }, (_, at) => `"p${at}":${at}`).join(',')}}`;

/** Filters as they stand in the body. */
const FILTERS: Readonly<Record<string, readonly string[]>> = {
  'filter-no-filter': ['null', '5', '"x"', '[]', '{}', 'true', '[{"a":1}]'],
  'filter-operator': [
    '{"$where":"while(true){}"}',
    '{"title":{"$regex":"(a+)+$"}}',
    '{"title":{"$function":"x"}}',
    '{"$expr":{}}',
    '{"a":{"$gt":{}}}',
    '{"a":{"$in":5}}',
    '{"$gte":1}',
    '{"a":{"$not":5}}',
    '{"a":{"$size":1,"$elemMatch":{}}}',
  ],
  'filter-path': [
    '{"__proto__":{"polluted":true}}',
    '{"constructor.prototype.polluted":true}',
    '{"a.__proto__.b":1}',
    '{"":1}',
    '{"a..b":1}',
    '{".":1}',
    '{"a.$gt":1}',
    `{"${'p'.repeat(201)}":1}`,
    '{"a\\u0000b":1}',
    '{"\\ud800":1}',
  ],
  'filter-large': [
    nestedFilter(8),
    nestedFilter(9),
    nestedFilter(500),
    manyPaths(100),
    manyPaths(101),
    manyPaths(3000),
    `{"a":"${'x'.repeat(9000)}"}`,
    `{"a":{"$in":[${'1,'.repeat(5000)}1]}}`,
    `{"$or":[${'{},'.repeat(90)}{}]}`,
  ],
  'filter-value': [
    '{"a":1e999}',
    '{"a":[1]}',
    '{"a":{"$startsWith":""}}',
    '{"a":"\\udc00"}',
    '{"a":{"$exists":1}}',
    '{"a":{}}',
  ],
};

/** Members as they stand in the body; those of one name win over the good ones. Addresses are of this machine only. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  'url-odd': [
    '"url":"javascript:alert(1)"',
    '"url":"http://127.0.0.1:1/"',
    '"url":"http://user:password@127.0.0.1:1/"',
    '"url":"http://127.0.0.1:1/#fragment"',
    '"url":"http://127.0.0.1:1/ space"',
    '"url":"//127.0.0.1:1/"',
    '"url":"file:///etc/passwd"',
    '"url":"http://127.0.0.1:99999/"',
    `"url":"http://127.0.0.1:1/${'x'.repeat(3000)}"`,
    '"url":""',
    '"url":{"href":"http://127.0.0.1:1/"}',
    '"url":"http://127.0.0.1:1/\\u0000"',
    '"url":"http://127.0.0.1:1/\\r\\nX-Injected: 1"',
    '"url":"http://[::1]:1/"',
    '"alertUrl":"http://127.0.0.1:1/"',
    '"alertUrl":null',
    '"alertUrl":[]',
  ],
  'member-type': [
    '"datasets":"things"',
    '"datasets":[]',
    '"datasets":["__proto__"]',
    '"datasets":["things","things"]',
    `"datasets":[${'"things",'.repeat(50)}"things"]`,
    '"datasets":[null,{},[]]',
    '"datasets":{"length":1,"0":"things"}',
    '"rateLimit":0',
    '"rateLimit":1e5',
    '"rateLimit":"5"',
    '"rateLimit":0.5',
    '"maxInFlight":-1',
    '"maxInFlight":1e999',
    '"maxInFlight":101',
    '"maxInFlight":null',
    '"description":5',
    `"description":"${'d'.repeat(501)}"`,
    '"description":"\\ud800"',
    '"description":"\\u0000<script>"',
    '"secret":"whsec_"',
    '"secret":"whsec_!!!!"',
    '"secret":5',
    `"secret":"whsec_${Buffer.alloc(65).toString('base64')}"`,
  ],
  'member-unknown': [
    '"status":"active"',
    '"id":"00000000000000000000000000000000"',
    '"tokenHash":"x"',
    '"terms":[]',
    '"x":null',
    '"token":"x"',
  ],
};

/** Of requests that do something to a subscription. */
const OPERATIONS: Readonly<Record<string, readonly string[]>> = {
  'operation-key': [
    '"key":""',
    '"key":5',
    '"key":"\\ud800"',
    '"key":"../.."',
    `"key":"${'k'.repeat(5000)}"`,
    '"key":"never"',
    '"key":"__proto__"',
    '"key":null',
  ],
  'operation-since': [
    '"since":"yesterday"',
    '"since":0',
    '"since":"9999-12-31T23:59:60Z"',
    '"since":"2026-01-01T00:00:00Z"',
    '"since":"-000001-01-01T00:00:00Z"',
  ],
  'operation-member': [
    '"fromBeginning":"true"',
    '"fromBeginning":true',
    '"dataset":"none"',
    '"dataset":["things"]',
    '"overlapSeconds":-1',
    '"overlapSeconds":1e9',
    '"overlapSeconds":"0"',
    '"token":"x"',
    '"token":null',
  ],
};

const withMembers =
  (texts: readonly string[]) =>
  (random: Random): string =>
    random.pick(texts);

type Text = (random: Random) => string;

const add = (text: Text, good: Parameters<Kind['make']>[0], random: Random): Buffer =>
  joined('object', [withMember(elementsOf(good)[0] ?? '{}', text(random), true)]);

const table = (texts: Readonly<Record<string, readonly string[]>>): Record<string, Text> =>
  Object.fromEntries(Object.entries(texts).map(([name, some]) => [name, withMembers(some)]));

export const subscriptionKinds: readonly Kind[] = [
  ...kindsOf(['object'], table(MEMBERS), add),
  ...kindsOf(['object'], table(FILTERS), (text, good, random) =>
    add(() => `"filter":${text(random)}`, good, random),
  ),
];

export const operationKinds: readonly Kind[] = kindsOf(['object'], table(OPERATIONS), add);

/** A subscription to what nobody posts, at an address that consents. */
export function subscriptionOf(url: string, tag: string, random: Random): Members {
  return {
    url,
    datasets: ['things'],
    description: `${tag} – “ä”`,
    ...(random.next() < 0.5
      ? {
          filter: {
            size: { $gte: random.integer(0, 9) },
            $or: [{ note: 'ö' }, { path: { $startsWith: 'a' } }],
          },
        }
      : {}),
    ...(random.next() < 0.3
      ? { maxInFlight: random.integer(1, 100), rateLimit: random.integer(1, 10_000) }
      : {}),
  };
}

/** A merge patch that is good; most ask for nothing else, so that no new term has to begin. */
export function patchOf(tag: string, random: Random): Members {
  return random.pick<Members>([
    { description: `patched ${tag}` },
    { description: null, maxInFlight: random.integer(1, 100) },
    { rateLimit: random.integer(1, 10_000) },
    { filter: { size: { $gt: random.integer(0, 9) } } },
    { filter: null },
  ]);
}
