import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { joinImages } from '../../tools/lib/join-images';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'headwater-images-'));
  writeFileSync(join(folder, 'one.jpg'), 'one');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const joined = (...records: Record<string, unknown>[]) => [...joinImages(records, folder)];

test('an image takes the place of its name, and other records pass as they are', () => {
  const plain = { id: 2 };
  expect(joined({ id: 1, image_file: 'one.jpg', x: 0 }, plain, { id: 3, image_file: 'one.jpg' })).toEqual([
    { id: 1, x: 0, image_base64: 'b25l' },
    plain,
    { id: 3, image_base64: 'b25l' },
  ]);
});

test('the members can have other names', () => {
  const members = { name: 'photo', image: 'bytes' };
  expect([...joinImages([{ photo: 'one.jpg' }], folder, members)]).toEqual([{ bytes: 'b25l' }]);
});

test('more images than are kept are read all the same', () => {
  const names = Array.from({ length: 100 }, (_, number) => `${number}.jpg`);
  for (const name of names) writeFileSync(join(folder, name), name);
  const twice = [...names, ...names].map((image_file) => ({ image_file }));
  expect(
    joined(...twice).map(({ image_base64 }) => Buffer.from(String(image_base64), 'base64').toString()),
  ).toEqual([...names, ...names]);
});

test('an image that is not there is an error that names the record', () => {
  expect(() => joined({}, { image_file: 'two.jpg' })).toThrow(/^Record 1: .*two\.jpg/);
});

test.each(['../one.jpg', '/etc/hosts', 'a/b.jpg', '..\\one.jpg', '..', '.', 7, ''])(
  'the name %j does not leave the folder',
  (image_file) => {
    expect(() => joined({ image_file })).toThrow('Record 0');
  },
);
