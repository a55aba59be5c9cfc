import { compareSchemas } from '../../../tools/lib/schemas/compare';
import { fc } from '../../support/properties';
import { canBeAsked, checkOf, knowing, record, says, schemaPair } from '../../support/schema-pairs';

const RUNS = Number(process.env['FC_RUNS'] ?? 500);
const RECORDS = { minLength: 25, maxLength: 25 };

test('what is said to break nobody breaks nobody', () => {
  const safe = { producers: 0, consumers: 0 };
  let valid = 0;
  const property = fc.property(schemaPair, fc.array(record, RECORDS), ([before, after], records) => {
    if (!canBeAsked(before) || !canBeAsked(after)) return;
    const changes = compareSchemas(before, after);
    const breaks = (whom: string): boolean =>
      changes.some((change) => change.breaks === whom || change.breaks === 'both');
    const [producers, consumers] = [breaks('producers'), breaks('consumers')];
    if (changes.length > 0 && !producers) safe.producers++;
    if (changes.length > 0 && !consumers) safe.consumers++;
    if (producers && consumers) return;
    const [earlier, later] = [checkOf(before), checkOf(after)];
    const news = changes.flatMap(({ newMember, pointer }) =>
      newMember ? (pointer.split('/').at(-1) ?? '') : [],
    );
    // Consumers are expected to ignore members that they do not know.
    const lenient = news.length > 0 ? checkOf(knowing(before, news)) : earlier;
    for (const value of records) {
      const [was, is] = [says(earlier, value), says(later, value)];
      if (was === undefined || is === undefined) continue;
      if (was || is) valid++;
      if (!producers && was && !is) throw new Error(`${JSON.stringify(value)} is no longer valid`);
      if (!consumers && is && !says(lenient, value))
        throw new Error(`${JSON.stringify(value)} is newly valid`);
    }
  });
  fc.assert(property, { numRuns: RUNS });
  // It would hold, too, of a comparison that finds every change breaking.
  expect(safe.producers).toBeGreaterThan(RUNS / 10);
  expect(safe.consumers).toBeGreaterThan(RUNS / 10);
  expect(valid).toBeGreaterThan(RUNS);
});

test('a schema compared with itself, and with what its annotations make of it, is unchanged', () => {
  const property = fc.property(schemaPair, ([schema]) => {
    expect(compareSchemas(schema, JSON.parse(JSON.stringify(schema)) as typeof schema)).toEqual([]);
    const changes = compareSchemas(schema, { ...schema, title: 'Another', description: 'Another' });
    expect(new Set(changes.map(({ breaks }) => breaks))).toEqual(new Set(['nobody']));
  });
  fc.assert(property, { numRuns: 200 });
});

test('what goes one way for producers goes the other way for consumers', () => {
  const property = fc.property(schemaPair, ([before, after]) => {
    const there = compareSchemas(before, after);
    const back = compareSchemas(after, before);
    // A new member is the exception: it is ignored one way, and refused the other.
    fc.pre(![...there, ...back].some(({ newMember }) => newMember));
    const breaks = (changes: typeof there, whom: string): boolean =>
      changes.some((change) => change.breaks === whom || change.breaks === 'both');
    expect(breaks(back, 'consumers')).toBe(breaks(there, 'producers'));
    expect(breaks(back, 'producers')).toBe(breaks(there, 'consumers'));
  });
  fc.assert(property, { numRuns: 400 });
});
