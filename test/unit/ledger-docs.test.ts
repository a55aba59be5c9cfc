import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Faults, LEDGER_FAULTS, MAX_FAULTS, type LedgerFaultCode } from '../../src/domain/ledger/faults';
import { oneAtATime } from '../../src/triggers/ledger/getLedger';
import { sectionsIn, tableIn } from '../support/markdown';

const root = join(__dirname, '../..');
const docs = readFileSync(join(root, 'docs/ledger.md'), 'utf8');
const codes = Object.keys(LEDGER_FAULTS) as LedgerFaultCode[];
const inTicks = (text: string): string => text.replaceAll('`', '');

test('docs/ledger.md has the codes and what they say, in the same order', () => {
  const table = tableIn(docs, 'Code').map((row) => [inTicks(row['Code'] ?? ''), row['What is wrong']]);
  expect(table).toEqual(codes.map((code) => [code, LEDGER_FAULTS[code]]));
});

test('docs/ledger.md tells of each what it means and what to do', () => {
  const sections = sectionsIn(docs, 3);
  expect(Array.from(sections.keys(), inTicks)).toEqual(codes);
  for (const text of sections.values()) {
    expect(text).toMatch(/^\*\*Meaning\.\*\* [^\n]{20,}/m);
    expect(text).toMatch(/^\*\*What to do\.\*\* [^\n]{20,}/m);
  }
});

test('every code is found somewhere, else its place in the table is a promise', () => {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('faults.ts'))
    .map((file) => readFileSync(join(root, 'src', file), 'utf8'))
    .join('\n');
  expect(codes.filter((code) => !sources.includes(`'${code}'`))).toEqual([]);
});

test('all faults are counted, and the first of them are shown', () => {
  const faults = new Faults();
  for (let bucket = 0; bucket < MAX_FAULTS + 5; bucket++)
    faults.add({ code: 'skipped-write', dataset: 'd', bucket, detail: '' });
  faults.add({ code: 'missing-row', dataset: 'e', subscription: 's', detail: '' });
  expect(faults.count).toBe(MAX_FAULTS + 6);
  expect(faults.shown.map(({ bucket }) => bucket)).toEqual(Array.from({ length: MAX_FAULTS }, (_, at) => at));
  const clean = (scope: 'dataset' | 'subscription', name: string) => faults.none(scope, name);
  expect([clean('dataset', 'd'), clean('dataset', 'e')]).toEqual([false, true]);
  expect([clean('subscription', 's'), clean('subscription', 'd')]).toEqual([false, true]);
});

test('who asks while the ledger is being counted shares the next count with the others', async () => {
  const ends: (() => void)[] = [];
  let failing = false;
  const count = oneAtATime(async () => {
    const number = ends.length;
    await new Promise<void>((resolve) => ends.push(resolve));
    if (failing) throw new Error('The store is away.');
    return number;
  });
  const first = count();
  const [second, third] = [count(), count()];
  expect(ends.length).toBe(1);
  failing = true;
  ends[0]?.();
  await expect(first).rejects.toThrow('away');
  failing = false;
  while (ends.length < 2) await Promise.resolve();
  const fourth = count();
  ends[1]?.();
  expect(await Promise.all([second, third])).toEqual([1, 1]);
  while (ends.length < 3) await Promise.resolve();
  ends[2]?.();
  expect(await fourth).toBe(2);
  const last = count();
  ends[3]?.();
  expect(await last).toBe(3);
});
