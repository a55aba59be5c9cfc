import { fc } from '../support/properties';
import { fromLines, lastMembers, lineWith } from '../../src/activities/ingest/lines';
import type { Json } from '../../src/domain/json';

const head = fc.record({ index: fc.nat(), key: fc.string({ unit: 'binary' }), name: fc.constant('"data":') });

describe('lines with a last member', () => {
  test('give it back as it was written, whatever is in it and before it', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(head, fc.jsonValue()), { minLength: 1 }), (lines) => {
        const texts = lines.map(([, data]) => JSON.stringify(data));
        const content = Buffer.from(
          lines.map(([first], at) => lineWith(first, 'data', texts[at] as string)).join(''),
        );
        expect(lastMembers(content, 'data').map((member) => member.toString())).toEqual(texts);
        expect(fromLines<{ data: Json }>(content).map(({ data }) => JSON.stringify(data))).toEqual(texts);
      }),
    );
  });

  test.each([
    ['{"index":1}\n'],
    ['{"index":1}\n{"index":2,"data":3}\n'],
    ['{"index":1,"data":3}\n{"index":2}\n'],
    ['{"index":1,"data":3}'],
  ])('%j has a line without', (content) => {
    expect(() => lastMembers(Buffer.from(content), 'data')).toThrow('has no "data"');
  });

  test('may be none', () => {
    expect(lastMembers(Buffer.alloc(0), 'data')).toEqual([]);
  });
});
