import * as fc from 'fast-check';
import { Disk, SECTOR_BYTES, type Survival } from '../../faults/power/disk';

const ROOT = '/disk';
const NOTHING: Survival = {
  keepsName: () => false,
  keepsSize: () => false,
  keepsSectors: (count) => ({ sectors: Array.from({ length: count }, () => false), grows: false }),
};
const EVERYTHING: Survival = {
  keepsName: () => true,
  keepsSize: () => true,
  keepsSectors: (count) => ({ sectors: Array.from({ length: count }, () => true), grows: true }),
};

function newDisk() {
  const disk = new Disk(ROOT);
  const at = (name: string): string => `${ROOT}/${name}`;
  return {
    disk,
    open: (name: string) => disk.apply({ does: 'open', path: at(name), creates: true, empties: false }),
    write: (name: string, offset: number, text: string) =>
      disk.apply({ does: 'write', path: at(name), offset, bytes: Buffer.from(text) }),
    truncate: (name: string, size: number) => disk.apply({ does: 'truncate', path: at(name), size }),
    makeFolder: (name: string) => disk.apply({ does: 'makeFolder', path: at(name) }),
    remove: (name: string) => disk.apply({ does: 'remove', path: at(name) }),
    rename: (from: string, to: string) => disk.apply({ does: 'rename', path: at(from), to: at(to) }),
    sync: (name = '') => disk.beginSync(name === '' ? ROOT : at(name))(),
    left: (survival: Survival) => left(disk, survival),
  };
}

function left(disk: Disk, survival: Survival): Record<string, string> {
  return Object.fromEntries(
    disk
      .image(survival)
      .map((entry) => [entry.path, entry.kind === 'file' ? entry.bytes.toString() : 'a folder']),
  );
}

test('content is durable with its file, a name with its folder, and only both are of use', () => {
  const { open, write, sync, left } = newDisk();
  open('a');
  write('a', 0, 'one');
  sync('a');
  expect(left(NOTHING)).toEqual({});
  sync();
  write('a', 3, 'two');
  expect(left(NOTHING)).toEqual({ a: 'one' });
  expect(left(EVERYTHING)).toEqual({ a: 'onetwo' });
  sync('a');
  expect(left(NOTHING)).toEqual({ a: 'onetwo' });
});

test('what is in a folder goes with the name of the folder', () => {
  const { makeFolder, open, write, sync, left } = newDisk();
  makeFolder('f');
  open('f/a');
  write('f/a', 0, 'one');
  sync('f/a');
  sync('f');
  expect(left(NOTHING)).toEqual({});
  sync();
  expect(left(NOTHING)).toEqual({ f: 'a folder', 'f/a': 'one' });
});

test('a removal and a new name in place of another may both be lost', () => {
  const { open, write, sync, remove, rename, left } = newDisk();
  for (const name of ['a', 'b']) {
    open(name);
    write(name, 0, name);
    sync(name);
  }
  sync();
  rename('a', 'b');
  expect(left(NOTHING)).toEqual({ a: 'a', b: 'b' });
  expect(left(EVERYTHING)).toEqual({ b: 'a' });
  remove('b');
  expect(left(NOTHING)).toEqual({ a: 'a', b: 'b' });
  sync();
  expect(left(NOTHING)).toEqual({});
});

test('a sync covers what was written before it began', () => {
  const { disk, open, write, sync, left } = newDisk();
  open('a');
  sync();
  write('a', 0, 'one');
  const end = disk.beginSync(`${ROOT}/a`);
  write('a', 3, 'two');
  expect(left(NOTHING)).toEqual({ a: '' });
  end();
  expect(left(NOTHING)).toEqual({ a: 'one' });
});

test('a write may be torn at the sectors of the disk', () => {
  const { open, write, sync, left } = newDisk();
  open('a');
  write('a', 0, 'o'.repeat(3 * SECTOR_BYTES));
  sync('a');
  sync();
  write('a', 10, 'n'.repeat(2 * SECTOR_BYTES));
  const second: Survival = {
    ...NOTHING,
    keepsSectors: (count) => ({ sectors: Array.from({ length: count }, (_, i) => i === 1), grows: false }),
  };
  expect(left(second)['a']).toBe(
    'o'.repeat(SECTOR_BYTES) + 'n'.repeat(SECTOR_BYTES) + 'o'.repeat(SECTOR_BYTES),
  );
});

test('a file may have grown without its content, and shrunk or not', () => {
  const { open, write, truncate, sync, left } = newDisk();
  open('a');
  sync();
  write('a', 0, 'abc');
  expect(left({ ...NOTHING, keepsSectors: () => ({ sectors: [false], grows: true }) })).toEqual({
    a: '\0\0\0',
  });
  sync('a');
  truncate('a', 1);
  write('a', 2, 'x');
  expect(left(NOTHING)).toEqual({ a: 'abc' });
  expect(left(EVERYTHING)).toEqual({ a: 'a\0x' });
  expect(left({ ...NOTHING, keepsSize: () => true })).toEqual({ a: 'a' });
});

test('whatever survives: what was synced last is there, and when all survives, all is', () => {
  const change = fc.record({
    offset: fc.nat(2_000),
    size: fc.integer({ min: 1, max: 1_500 }),
    syncs: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), fc.infiniteStream(fc.boolean()), (changes, coins) => {
      const { disk, open, sync } = newDisk();
      const coin = (): boolean => coins.next().value === true;
      open('a');
      sync();
      let now = Buffer.alloc(0);
      let synced = now;
      changes.forEach(({ offset, size, syncs }, index) => {
        const bytes = Buffer.alloc(size, index + 1);
        disk.apply({ does: 'write', path: `${ROOT}/a`, offset, bytes });
        const next = Buffer.alloc(Math.max(now.length, offset + size));
        now.copy(next);
        bytes.copy(next, offset);
        now = next;
        if (syncs) sync('a');
        if (syncs) synced = now;
      });
      const some: Survival = {
        keepsName: coin,
        keepsSize: coin,
        keepsSectors: (count) => ({ sectors: Array.from({ length: count }, coin), grows: coin() }),
      };
      const found = (survival: Survival): Buffer => {
        const [entry] = disk.image(survival);
        return entry?.kind === 'file' ? entry.bytes : Buffer.alloc(0);
      };
      expect(found(NOTHING).equals(synced)).toBe(true);
      expect(found(EVERYTHING).equals(now)).toBe(true);
      // Each byte is the synced one, or one that was written later.
      const torn = found(some);
      expect(torn.length).toBeGreaterThanOrEqual(synced.length);
      expect(torn.length).toBeLessThanOrEqual(now.length);
      expect(torn.every((byte, at) => byte >= (synced[at] ?? 0))).toBe(true);
    }),
    { numRuns: 50 },
  );
});
