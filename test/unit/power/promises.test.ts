import { type Note, Promises } from '../../faults/power/promises';

const asked = (number: number, writes: Record<string, string | null>): Note => ({ asked: number, writes });
const done = (number: number): Note => ({ done: number });

function faults(notes: Note[], found: Record<string, string>): string[] {
  return new Promises(notes).faults(new Map(Object.entries(found)));
}

test('what was acknowledged must be there, and what was not may be', () => {
  const notes = [asked(1, { a: '1' }), done(1), asked(2, { a: '2' }), asked(3, { b: '1' })];
  expect(faults(notes, { a: '1' })).toEqual([]);
  expect(faults(notes, { a: '2', b: '1' })).toEqual([]);
  expect(faults(notes, {})).toEqual(['a is nothing, and should be 1 or 2']);
  expect(faults(notes, { a: '1', b: '2' })).toEqual(['b is 2, and should be nothing or 1']);
  expect(faults(notes, { a: '1', c: '1' })).toEqual(['c is 1, and should be nothing']);
});

test('an older version, or one that was deleted, must not come back', () => {
  const notes = [asked(1, { a: '1' }), asked(2, { b: '1' }), done(1), done(2)];
  const later = [...notes, asked(3, { a: '2', b: null }), done(3)];
  expect(faults(later, { a: '2' })).toEqual([]);
  expect(faults(later, { a: '1', b: '1' })).toEqual([
    'a is 1, and should be 2',
    'b is 1, and should be nothing',
  ]);
});

test('an operation on several keys is done or not, never half', () => {
  const notes = [asked(1, { old: '1' }), done(1), asked(2, { old: null, a: '1', b: '1' })];
  expect(faults(notes, { old: '1' })).toEqual([]);
  expect(faults(notes, { a: '1', b: '1' })).toEqual([]);
  expect(faults(notes, { old: '1', a: '1' })).toEqual([
    'of an operation on 3 keys, 1 are done: a, and others not',
  ]);
  expect(faults(notes, { old: '1', a: '1', b: '1' })).toHaveLength(1);
});

test('one that was never answered counts no more once a later one was', () => {
  const notes = [asked(1, { a: '1', b: '1' }), asked(2, { a: '2' }), done(2)];
  expect(faults(notes, { a: '2' })).toEqual([]);
  expect(faults(notes, { a: '2', b: '1' })).toEqual([]);
  expect(faults(notes, { a: '1', b: '1' })).toEqual(['a is 1, and should be 2']);
});

test('what was shown after a start must stay, and what was not shown must not come', () => {
  const notes: Note[] = [asked(1, { a: '1' }), done(1), asked(2, { b: '1' }), asked(3, { c: '1' })];
  const shown: Note[] = [...notes, { seen: { a: '1', b: '1' } }];
  expect(faults(shown, { a: '1', b: '1' })).toEqual([]);
  expect(faults(shown, { a: '1' })).toEqual(['b is nothing, and should be 1']);
  expect(faults(shown, { a: '1', b: '1', c: '1' })).toEqual(['c is 1, and should be nothing']);
});

test('it knows how much was acknowledged, and what must be there', () => {
  const promises = new Promises([
    asked(1, { a: '1' }),
    done(1),
    asked(2, { b: '1' }),
    asked(3, { a: null, c: '1' }),
    done(3),
  ]);
  expect(promises.acknowledged).toBe(2);
  expect([...promises.keys()].toSorted()).toEqual(['a', 'b', 'c']);
  expect(['a', 'b', 'c', 'd'].map((key) => promises.has(key))).toEqual([false, false, true, false]);
});
