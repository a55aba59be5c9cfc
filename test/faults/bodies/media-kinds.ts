/** Media in records: base64 that is none, and bytes that are not what they are said to be. */
import type { Random } from '../../../tools/lib/random';
import { joined, type Good, type Members } from './good';
import { LISTS, type Kind } from './kind';

/** 1 × 1 pixel each. */
export const JPEG = Buffer.from(
  '/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA=',
  'base64',
);
export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const GIF = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
const SVG = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');

/** What a record's image is. Each image differs in its end, so that blobs can be told apart. */
type Media = (jpeg: string, random: Random) => Members[string];

const base64 = (bytes: Buffer): string => bytes.toString('base64');

/** What the schema takes and what the image's bytes are; the rest has to be quarantined. */
export const GOOD_MEDIA = new Set(['media-whole', 'media-data-url', 'media-large']);

const MEDIA: Readonly<Record<string, Media>> = {
  'media-whole': (jpeg) => jpeg,
  'media-data-url': (jpeg) => `data:image/jpeg;base64,${jpeg}`,
  'media-large': (jpeg, random) =>
    base64(Buffer.concat([Buffer.from(jpeg, 'base64'), Buffer.alloc(1_500_000, random.integer(0, 255))])),
  'media-other-type': (_, random) =>
    base64(random.pick([PNG, GIF, SVG, Buffer.from('%PDF-1.7 x'), Buffer.from('plain text')])),
  'media-data-url-other-type': (jpeg, random) =>
    random.pick([
      `data:image/png;base64,${base64(PNG)}`,
      `data:image/png;base64,${jpeg}`,
      `data:image/svg+xml;base64,${base64(SVG)}`,
      `data:text/html,<script>alert(1)</script>`,
      `data:;base64,${jpeg}`,
      'data:',
      'data:image/jpeg',
      'data:image/jpeg;base64',
      `data:image/jpeg,${jpeg}`,
      `https://example.com/image.jpeg`,
    ]),
  'media-padding-wrong': (jpeg, random) =>
    `${jpeg.replace(/=+$/, '')}${random.pick(['===', '====', '=x', '=A='])}`,
  'media-padding-missing': () =>
    base64(Buffer.concat([JPEG, Buffer.from('x'.repeat(3 - (JPEG.length % 3) + 1))])).replace(/=+$/, ''),
  'media-url-safe': () =>
    base64(Buffer.concat([JPEG, Buffer.from([0xfb, 0xff, 0xfe, 0xfb, 0xff])]))
      .replaceAll('+', '-')
      .replaceAll('/', '_'),
  'media-whitespace': (jpeg, random) =>
    jpeg.slice(0, 20) + random.pick(['\n', '\r\n', ' ', '\t', '\0']) + jpeg.slice(20),
  'media-no-base64': (jpeg, random) =>
    random.pick(['!', jpeg.slice(0, -1), `${jpeg}å`, '=', '====', 'A', `${jpeg}=${jpeg}`]),
  'media-empty': () => '',
  'media-no-text': (_, random) =>
    random.pick<Members[string]>([
      5,
      true,
      [],
      {},
      { path: 'media/pictures/x', sha256: '0', bytes: 1, contentType: 'image/jpeg' },
    ]),
};

/** Records of the data set `pictures`. */
export function pictures(tag: string, count: number): Members[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `${tag}-${index}`,
    image: base64(Buffer.concat([JPEG, Buffer.from(`${tag}-${index}`)])),
  }));
}

export const mediaKinds: readonly Kind[] = Object.entries(MEDIA).map(([name, media]) => ({
  name,
  formats: LISTS.filter((format) => format !== 'csv'),
  make: ({ format, records }: Good, random) => {
    const at = random.integer(0, records.length - 1);
    const elements = records.map((record, index) => {
      const { image } = record;
      const isChosen = index === at && typeof image === 'string';
      return JSON.stringify(isChosen ? { ...record, image: media(image, random) } : record);
    });
    return joined(format, elements);
  },
}));
