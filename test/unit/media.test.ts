import { fc } from '../support/properties';
import { readings } from './builders';
import { takeMedia } from '../../src/domain/ingest/media';
import { sha256 } from '../../src/domain/content';
import type { Json } from '../../src/domain/json';

const dataset = readings({
  media: [
    { pointer: '/photo', contentType: 'image/jpeg' },
    { pointer: '/a~1b/scan', contentType: 'application/octet-stream' },
  ],
});

const JPEG = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46, 0, 1, 2, 3]);
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]);
const photo = JPEG.toString('base64');

const messageOf = (record: Json): string => {
  const { errors, media } = takeMedia(record, dataset);
  expect(media).toEqual([]);
  expect(errors).toHaveLength(1);
  return errors[0]?.message ?? '';
};

describe('media', () => {
  test('are named by their content, and leave references', () => {
    const record = { id: 'a', photo, 'a/b': { scan: 'aGVsbG8=', page: 1 } };
    const hello = sha256('hello');
    const jpeg = sha256(JPEG);
    const contentType = 'application/octet-stream';
    expect(takeMedia(record, dataset)).toEqual({
      record: {
        id: 'a',
        photo: {
          path: `media/readings/${jpeg}`,
          sha256: jpeg,
          bytes: JPEG.length,
          contentType: 'image/jpeg',
        },
        'a/b': { scan: { path: `media/readings/${hello}`, sha256: hello, bytes: 5, contentType }, page: 1 },
      },
      media: [
        { name: `readings/${jpeg}`, content: JPEG, contentType: 'image/jpeg' },
        { name: `readings/${hello}`, content: Buffer.from('hello'), contentType },
      ],
      errors: [],
    });
    expect(record.photo).toBe(photo);
  });

  test('may come as a data URL of their type', () => {
    const taken = takeMedia({ photo: `data:image/jpeg;base64,${photo}` }, dataset);
    expect(taken.media.map(({ content }) => content)).toEqual([JPEG]);
    expect(messageOf({ photo: `data:image/png;base64,${photo}` })).toContain('the data URL says image/png');
    expect(messageOf({ photo: `data:image/jpeg,${photo}` })).toContain('must be base64');
  });

  test('of any length that a body can have are read', () => {
    const scan = 'A'.repeat(24 * 1024 * 1024);
    const taken = takeMedia({ 'a/b': { scan } }, dataset);
    expect(taken).toHaveProperty(['record', 'a/b', 'scan', 'bytes'], 18 * 1024 * 1024);
    expect(messageOf({ 'a/b': { scan: `${scan.slice(1)}!` } })).toContain('base64');
  });

  test.each([
    'a',
    'aGVsbG8',
    'aGVsbG8=\n',
    'a===',
    '=',
    'aGVs=bG8',
    'aGVs bG8=',
    'aGVs-_8=',
    1,
    {},
    ['aGVsbG8='],
  ])('%j is none', (scan) => {
    expect(takeMedia({ 'a/b': { scan } }, dataset).errors).toEqual([
      {
        pointer: '/a~1b/scan',
        keyword: 'media',
        message: expect.stringContaining('must be base64') as string,
      },
    ]);
  });

  test('are read exactly if encoding them again gives the same text', () => {
    const characters = [
      'A',
      'B',
      'Z',
      'a',
      'z',
      '0',
      '9',
      '+',
      '/',
      '=',
      '-',
      '_',
      ' ',
      '\n',
      '\0',
      'é',
      'Ł',
      '\u0241',
      '\ud800',
    ];
    const text = fc
      .tuple(
        fc.uint8Array({ maxLength: 40 }),
        fc.array(fc.tuple(fc.nat(56), fc.nat(1), fc.constantFrom(...characters)), { maxLength: 3 }),
      )
      .map(([bytes, edits]) =>
        edits.reduce(
          (sofar, [at, removed, put]) => sofar.slice(0, at) + put + sofar.slice(at + removed),
          Buffer.from(bytes).toString('base64'),
        ),
      );
    fc.assert(
      fc.property(text, (scan) => {
        const { errors } = takeMedia({ id: 'a', 'a/b': { scan } }, dataset);
        expect(errors.length === 0).toBe(Buffer.from(scan, 'base64').toString('base64') === scan);
      }),
      { numRuns: 2_000 },
    );
  });

  test('are of the type that the data set says, by their first bytes', () => {
    expect(messageOf({ photo: PNG.toString('base64') })).toBe('must be image/jpeg; its bytes are image/png');
    expect(messageOf({ photo: 'aGVsbG8=' })).toBe('must be image/jpeg; its bytes are of no known type');
    expect(messageOf({ photo: '' })).toContain('no known type');
  });

  test.each([
    ['image/png', PNG],
    ['image/gif', Buffer.from('GIF89a..')],
    ['image/webp', Buffer.from('RIFF0000WEBPVP8 ')],
    ['image/bmp', Buffer.from('BM000000')],
    ['image/tiff', Buffer.from('II*\x00000000')],
    ['application/pdf', Buffer.from('%PDF-1.7\n')],
  ])('%s is told from JPEG', (contentType, content) => {
    const other = readings({ media: [{ pointer: '/file', contentType }] });
    const { errors, media } = takeMedia({ file: content.toString('base64') }, other);
    expect([errors, media.length]).toEqual([[], 1]);
    expect(takeMedia({ file: photo }, other).errors).toHaveLength(1);
  });

  test('that are not there are not missed', () => {
    const record = { id: 'a', photo: null, 'a/b': 1 };
    expect(takeMedia(record, dataset)).toEqual({ record, media: [], errors: [] });
  });
});
