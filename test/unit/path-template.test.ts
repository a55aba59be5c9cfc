import { PathTemplate, valuesOf } from '../../local/functions/path-template';
import type { Invocation } from '../../local/functions/protocol';

const request = (over: object): Omit<Invocation, 'id'> => ({
  name: 'f',
  trigger: {
    http: {
      method: 'GET',
      url: 'http://x/',
      headers: { 'x-tenant': 'blue' },
      params: { id: '12' },
      query: { Kind: 'a' },
      body: null,
      ...over,
    },
  },
});

test('a path takes what the request has, whatever the case', () => {
  const path = new PathTemplate('out/{ID}-{query.kind}-{Headers.X-Tenant}.json');
  expect(path.resolve(valuesOf(request({})))).toBe('out/12-a-blue.json');
});

test('of a streamed request all of it is metadata', () => {
  const values = valuesOf({
    name: 'f',
    trigger: { string: '' },
    metadata: {
      id: { string: '12' },
      Query: { json: '{"kind":"a"}' },
      Headers: { json: '{"x-tenant":"blue"}' },
    },
  });
  expect(new PathTemplate('out/{id}-{query.kind}-{headers.x-tenant}').resolve(values)).toBe('out/12-a-blue');
});

test('a name of its own for each', () => {
  const path = new PathTemplate('out/{rand-guid}');
  expect(path.resolve(new Map())).toMatch(/^out\/[\da-f-]{36}$/);
  expect(path.resolve(new Map())).not.toBe(path.resolve(new Map()));
  expect(new PathTemplate('{DateTime}').resolve(new Map())).toMatch(/^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$/);
});

test('what the invocation has not is an error, and what it has is no template itself', () => {
  expect(() => new PathTemplate('out/{name}').resolve(new Map())).toThrow(
    '{name} in "out/{name}" names nothing',
  );
  expect(new PathTemplate('out/{id}').resolve(valuesOf(request({ params: { id: '{rand-guid}' } })))).toBe(
    'out/{rand-guid}',
  );
});
