import { createHash, hash } from 'node:crypto';

/** Reflected form of the polynomial of the service's CRC64; initial value and final XOR are all ones. */
const POLYNOMIAL_HIGH = 0x9a6c9329;
const POLYNOMIAL_LOW = 0xac4bc9b5;
const SLICES = 8;

interface Tables {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
}
let tables: Tables | undefined;

/** Tables for eight bytes a step: entry `slice * 256 + byte` is the CRC of that byte followed by `slice` zeros. */
function makeTables(): Tables {
  const high = new Uint32Array(256 * SLICES);
  const low = new Uint32Array(256 * SLICES);
  for (let byte = 0; byte < 256; byte++) {
    let h = 0;
    let l = byte;
    for (let bit = 0; bit < 8; bit++) {
      const odd = l & 1;
      l = (l >>> 1) | (h << 31);
      h >>>= 1;
      if (odd) {
        h ^= POLYNOMIAL_HIGH;
        l ^= POLYNOMIAL_LOW;
      }
    }
    high[byte] = h;
    low[byte] = l;
  }
  for (let index = 256; index < 256 * SLICES; index++) {
    const h = high[index - 256] ?? 0;
    const l = low[index - 256] ?? 0;
    low[index] = ((l >>> 8) | (h << 24)) ^ (low[l & 0xff] ?? 0);
    high[index] = (h >>> 8) ^ (high[l & 0xff] ?? 0);
  }
  return { high, low };
}

/** The service's CRC64, incremental. */
export class Crc64 {
  private high = 0xffffffff;
  private low = 0xffffffff;

  update(data: Uint8Array): this {
    tables ??= makeTables();
    const th = tables.high;
    const tl = tables.low;
    let { high, low } = this;
    let at = 0;
    // Typed arrays read inside their bounds: the assertions only tell the compiler so, in the hottest loop of this service.
    for (; at + 8 <= data.length; at += 8) {
      const a = low ^ (data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24));
      const b = high ^ (data[at + 4]! | (data[at + 5]! << 8) | (data[at + 6]! << 16) | (data[at + 7]! << 24));
      const i = [
        1792 + (a & 0xff),
        1536 + ((a >>> 8) & 0xff),
        1280 + ((a >>> 16) & 0xff),
        1024 + (a >>> 24),
        768 + (b & 0xff),
        512 + ((b >>> 8) & 0xff),
        256 + ((b >>> 16) & 0xff),
        b >>> 24,
      ] as const;
      low = tl[i[0]]! ^ tl[i[1]]! ^ tl[i[2]]! ^ tl[i[3]]! ^ tl[i[4]]! ^ tl[i[5]]! ^ tl[i[6]]! ^ tl[i[7]]!;
      high = th[i[0]]! ^ th[i[1]]! ^ th[i[2]]! ^ th[i[3]]! ^ th[i[4]]! ^ th[i[5]]! ^ th[i[6]]! ^ th[i[7]]!;
    }
    for (; at < data.length; at++) {
      const index = (low ^ data[at]!) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ tl[index]!;
      high = (high >>> 8) ^ th[index]!;
    }
    this.high = high >>> 0;
    this.low = low >>> 0;
    return this;
  }

  /** The value as the service writes it: little endian, base64. */
  digest(): string {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeUInt32LE(~this.low >>> 0, 0);
    bytes.writeUInt32LE(~this.high >>> 0, 4);
    return bytes.toString('base64');
  }
}

/** MD5 of a buffer, base64. */
export function md5Of(data: Uint8Array): string {
  return hash('md5', data, 'base64');
}

/** Checksums of content that arrives in pieces. */
export class Checksums {
  private readonly md5 = createHash('md5');
  private readonly crc64: Crc64 | undefined;

  constructor(withCrc64: boolean) {
    this.crc64 = withCrc64 ? new Crc64() : undefined;
  }

  update(data: Uint8Array): void {
    this.md5.update(data);
    this.crc64?.update(data);
  }

  /** Base64 values; `crc64` only if it was asked for. */
  digest(): ContentChecksums {
    return { md5: this.md5.digest('base64'), crc64: this.crc64?.digest() };
  }
}

export interface ContentChecksums {
  readonly md5: string;
  readonly crc64: string | undefined;
}

/** Checksums of content that is here as a whole. */
export function checksumsOf(data: Uint8Array, withCrc64: boolean): ContentChecksums {
  return { md5: md5Of(data), crc64: withCrc64 ? new Crc64().update(data).digest() : undefined };
}
