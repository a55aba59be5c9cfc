import { filetypemime } from 'magic-bytes.js';
import { stormAt, TRACK } from '../../tools/lib/harvey';
import { distanceKm } from '../../tools/lib/sphere';
import { tile, tileAt, TILES, uniqueJpeg } from '../../tools/lib/tiles';
import { imageFile, PASSAGE, tweets, type Tweet } from '../../tools/lib/tweets';

const passage = [...tweets({ seed: 9, count: PASSAGE })];
const at = (iso: string): number => Date.parse(iso);

describe('the storm', () => {
  test('is where the best track has it, and on the way between', () => {
    expect(stormAt(at('2017-08-26T03:00Z'))).toMatchObject({ latitude: 28, longitude: -96.9, wind: 115 });
    const { latitude, longitude, wind } = stormAt(at('2017-08-24T15:00Z'));
    expect([latitude, longitude, wind]).toEqual([
      expect.closeTo(24.05),
      expect.closeTo(-93.35),
      expect.closeTo(65),
    ]);
    expect(stormAt(0)).toMatchObject({ latitude: 13.4, longitude: -52 });
    expect(stormAt(at('2020-01-01'))).toMatchObject({ latitude: 36.5, longitude: -86.4 });
  });

  test('moves on from fix to fix, no faster than one does', () => {
    TRACK.slice(1).forEach((fix, before) => {
      const hours = (fix.time - TRACK[before]!.time) / 3_600_000;
      expect(hours).toBeGreaterThan(0);
      expect(distanceKm(TRACK[before]!, fix) / hours).toBeLessThan(60);
    });
  });
});

describe('messages', () => {
  test('come from near the storm, in the order of time, on the day they say', () => {
    const wrong = passage.filter(({ time, latitude, longitude, year_month_date }, number) => {
      const near = distanceKm(stormAt(time * 1_000), { latitude, longitude }) < 335;
      const day = new Date(time * 1_000).toISOString().slice(0, 10) === year_month_date;
      return !near || !day || time < (passage[number - 1]?.time ?? 0);
    });
    expect(wrong).toEqual([]);
    expect(new Set(passage.map(({ year_month_date }) => year_month_date)).size).toBe(16);
    expect([passage[0]?.year_month_date, passage.at(-1)?.year_month_date]).toEqual([
      '2017-08-17',
      '2017-09-01',
    ]);
  });

  test('tell of damage where and when there was some', () => {
    const part = (some: (one: Tweet) => boolean): number => {
      const chosen = passage.filter(some);
      return chosen.filter((one) => one.damage_flag === 'damage').length / chosen.length;
    };
    expect(part(({ time }) => time * 1_000 < at('2017-08-24'))).toBeLessThan(0.1);
    const flood = ({ time }: Tweet): boolean =>
      time * 1_000 > at('2017-08-27') && time * 1_000 < at('2017-08-30');
    expect(part(flood)).toBeGreaterThan(0.3);
    expect(part(flood)).toBeLessThan(0.7);
  });

  test('have ids of their own, too long for a double, in the order of time', () => {
    const ids = [...tweets({ seed: 9, count: 2 * PASSAGE })].map(({ tweet_id }) => tweet_id);
    expect(new Set(ids).size).toBe(2 * PASSAGE);
    expect(ids.slice(0, PASSAGE).toSorted()).toEqual(ids.slice(0, PASSAGE));
    expect(ids.every((id) => BigInt(id) > 2n ** 53n)).toBe(true);
    expect(new Set(passage.map(({ account_id }) => account_id)).size).toBeGreaterThan(500);
  });

  test('carry text that CSV has to quote, and letters beyond ASCII', () => {
    const texts = passage.map(({ tweet }) => tweet);
    expect(texts.some((text) => text.includes('"') && text.includes(','))).toBe(true);
    expect(texts.some((text) => /[áéíóúñ]/.test(text))).toBe(true);
    expect(texts.some((text) => /\p{Emoji_Presentation}/u.test(text))).toBe(true);
    expect(texts.filter((text) => /[{}]/.test(text))).toEqual([]);
  });

  test('come with tiles that show their place, about one in seven', () => {
    const withTiles = [...tweets({ seed: 9, count: PASSAGE, images: 'tiles' })];
    const images = withTiles.flatMap(({ image_base64 }, number) => {
      const name = imageFile(9, number);
      if (image_base64 !== (name && tile(name).toString('base64'))) throw new Error(`${number}: ${name}`);
      return name === undefined ? [] : [name];
    });
    const shown = (name: string, { latitude, longitude }: Tweet): boolean =>
      ([0, 1, 2] as const).some((level) => tileAt(latitude, longitude, level) === name);
    expect(passage.filter((one, number) => !shown(imageFile(9, number) ?? tileAt(0, -90, 0), one))).toEqual(
      [],
    );
    expect(images.length / PASSAGE).toBeCloseTo(0.15, 1);
    expect(new Set(images)).toEqual(new Set(TILES));
  });
});

describe('unique images', () => {
  /** Marker and content of every segment before the scan (ITU-T T.81, B.1.1). */
  function segments(jpeg: Buffer): [marker: number, content: string][] {
    expect(jpeg.readUInt16BE(0)).toBe(0xffd8);
    const found: [number, string][] = [];
    for (let at = 2; ;) {
      const marker = jpeg.readUInt16BE(at);
      const end = at + 2 + jpeg.readUInt16BE(at + 2);
      found.push([marker, jpeg.toString('base64', at + 4, end)]);
      // Start of scan: what follows is the picture.
      if (marker === 0xffda) return [...found, [0, jpeg.toString('base64', end)]];
      at = end;
    }
  }
  const COMMENT = 0xfffe;

  test.each([15_000, 40_000, 13_142 + 65_538, 13_142 + 65_541, 200_000])('of %i bytes are valid', (bytes) => {
    for (let number = 0; number < TILES.length; number++) {
      const jpeg = uniqueJpeg(1, number, bytes);
      expect(jpeg).toHaveLength(bytes);
      expect(filetypemime(jpeg.subarray(0, 64))).toContain('image/jpeg');
      const others = segments(jpeg).filter(([marker]) => marker !== COMMENT);
      expect(others).toEqual(segments(tile(TILES[number]!)));
      expect(others[0]?.[0]).toBe(0xffe0);
    }
  });

  test('are each like no other, and the same again', () => {
    const images = Array.from({ length: 300 }, (_, number) =>
      uniqueJpeg(1, number, 16_000).toString('base64'),
    );
    expect(new Set(images).size).toBe(300);
    expect(uniqueJpeg(1, 299, 16_000).toString('base64')).toBe(images[299]);
    expect(uniqueJpeg(2, 299, 16_000).toString('base64')).not.toBe(images[299]);
    const [one, other] = tweets({ seed: 1, count: 2, images: { bytes: 16_000 } });
    expect(one?.image_base64).not.toBe(other?.image_base64);
  });

  test('cannot be shorter than a tile', () => {
    expect(() => uniqueJpeg(1, 0, 1_000)).toThrow(RangeError);
    expect(() => tileAt(52, 13, 2)).toThrow(RangeError);
  });
});
