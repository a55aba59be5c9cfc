import { fc } from '../support/properties';
import { changesIn } from '../../local/functions/cosmos-feed-http';

const read = (body: string): { changes: unknown; count: number } => {
  const { utf8, count } = changesIn(Buffer.from(body));
  return { changes: JSON.parse(utf8.toString()), count };
};
const page = (rid: string, documents: readonly unknown[]): string =>
  `{"_rid":"${rid}","Documents":[${documents.map((one) => JSON.stringify(one)).join(',')}],"_count":${documents.length}}`;

/** Documents that end, or begin, as a page does. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }).map((one) => one.toWellFormed()),
  fc.constantFrom('],"_count":3}', '{"_rid":"x","Documents":[', '"', '\\'),
);
const document = fc.oneof(
  fc.record({ id: text, list: fc.array(text) }),
  fc.jsonValue({ stringUnit: 'grapheme' }),
);

test('the changes of a page are cut out of it', () => {
  fc.assert(
    fc.property(fc.array(document, { minLength: 1 }), (documents) => {
      const changes: unknown = JSON.parse(JSON.stringify(documents));
      expect(read(page('AbC-d+e=', documents))).toEqual({ changes, count: documents.length });
    }),
  );
});

test.each([
  ['blanks', '{ "_rid": "x", "Documents": [ {"id":"a"} ], "_count": 1 }'],
  ['another order', '{"_count":1,"_rid":"x","Documents":[{"id":"a"}]}'],
  ['another member at the end', '{"_rid":"x","Documents":[{"id":"a"}],"_count":1,"more":[]}'],
])('a page with %s is understood, too', (_, body) => {
  expect(read(body)).toEqual({ changes: [{ id: 'a' }], count: 1 });
});
