import { diskCourse, memoryCourse, type Footprint } from '../../../tools/lib/prove/footprint';

/** One sample a second, MiB in use and on disk by its number. */
function samples(count: number, memory: (at: number) => number, disk: (at: number) => number): Footprint[] {
  return Array.from({ length: count }, (_, at) => ({
    at: at * 1_000,
    memory: { store: memory(at) },
    disk: { store: disk(at) },
  }));
}

test('memory that stays, disk that grows by the same in each second', () => {
  const course = samples(
    40,
    (at) => (at < 10 ? 500 : 100),
    (at) => at,
  );
  expect(memoryCourse(course)).toEqual([{ name: 'store', before: 100, after: 100 }]);
  expect(diskCourse(course)).toEqual([{ name: 'store', before: 2 ** 20, after: 2 ** 20 }]);
});

test('memory that grows, disk that grows faster and faster', () => {
  const course = samples(
    40,
    (at) => at,
    (at) => at ** 2,
  );
  expect(memoryCourse(course)).toEqual([{ name: 'store', before: 14.5, after: 34.5 }]);
  const [disk] = diskCourse(course);
  expect(disk!.after).toBeGreaterThan(disk!.before * 2);
});

test('a run that is too short tells nothing', () => {
  expect(
    memoryCourse(
      samples(
        8,
        () => 1,
        () => 1,
      ),
    ).every(({ before }) => Number.isNaN(before)),
  ).toBe(true);
});
