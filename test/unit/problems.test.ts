import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Problem, problems, type ProblemCode } from '../../src/domain/problem';
import { sectionsIn, tableIn } from '../support/markdown';

const root = join(__dirname, '../..');
const docs = readFileSync(join(root, 'docs/errors.md'), 'utf8');
const codes = Object.keys(problems) as ProblemCode[];
const inTicks = (text: string): string => text.replaceAll('`', '');

test('docs/errors.md has the codes, statuses and titles that are answered, in the same order', () => {
  const table = tableIn(docs, 'Code').map(({ Code = '', Status, Title }) => [inTicks(Code), Status, Title]);
  expect(table).toEqual(codes.map((code) => [code, String(problems[code].status), problems[code].title]));
});

test('docs/errors.md tells of each its cause and its cure', () => {
  const sections = sectionsIn(docs, 3);
  expect(Array.from(sections.keys(), inTicks)).toEqual(codes);
  for (const text of sections.values()) {
    expect(text).toMatch(/^\*\*Cause\.\*\* [^\n]{20,}/m);
    expect(text).toMatch(/^\*\*Cure\.\*\* [^\n]{20,}/m);
  }
});

test('every code is answered somewhere, else its place in the table is a promise', () => {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('problem.ts'))
    .map((file) => readFileSync(join(root, 'src', file), 'utf8'))
    .join('\n');
  expect(codes.filter((code) => !new RegExp(`new Problem\\(\\s*'${code}'`).test(sources))).toEqual([]);
});

test('titles and statuses are what RFC 9457 expects of them', () => {
  for (const code of codes) {
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(problems[code].status).toBeGreaterThanOrEqual(400);
    expect(problems[code].status).toBeLessThan(600);
    // A title is the same in every occurrence (section 3.1.3), so it names nothing particular and is no sentence.
    expect(problems[code].title).not.toMatch(/\.$/);
  }
});

test('a problem is a document with type, code, title, status and detail, and its own members', () => {
  const problem = new Problem('batch-too-large', 'Too much.', { limit: 5 }, { 'Retry-After': '1' });
  expect(problem.toDocument()).toEqual({
    type: 'urn:headwater:problem:batch-too-large',
    code: 'batch-too-large',
    title: 'The batch is too large',
    status: 413,
    detail: 'Too much.',
    limit: 5,
  });
  expect(problem).toMatchObject({ message: 'batch-too-large: Too much.', headers: { 'Retry-After': '1' } });
});

test('members that a fault brings along cannot change what the problem is', () => {
  const { status, code, detail } = new Problem('empty-batch', 'None.', {
    status: 200,
    code: 'x',
    detail: 'y',
  }).toDocument();
  expect({ status, code, detail }).toEqual({ status: 400, code: 'empty-batch', detail: 'None.' });
});
