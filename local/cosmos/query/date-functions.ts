import { isNumber, isString, type SqlFunction } from './function-types';
import type { Value } from './values';

/**
 * Dates and times of the query language: UTC texts `YYYY-MM-DDThh:mm:ss.fffffffZ`, counted in ticks of 100 ns since 1970
 * (https://learn.microsoft.com/cosmos-db/query/functions#date-and-time-functions). What is no such date is undefined.
 */
type Ticks = bigint;

const TICKS_PER_MS = 10_000n;
const DIGITS_OF_FRACTION = 7;
const TEXT = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,7}))?)?Z?$/;

interface Parts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** In ticks. */
  readonly fraction: number;
}

function toTicks({ year, month, day, hour, minute, second, fraction }: Parts): Ticks | undefined {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  // What overflows (30 February, 24 o'clock) is no date.
  const isSame =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  if (!isSame || year < 1 || year > 9_999) return undefined;
  return BigInt(date.getTime()) * TICKS_PER_MS + BigInt(fraction);
}

function parse(value: Value): Ticks | undefined {
  const match = isString(value) ? TEXT.exec(value) : null;
  if (!match) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((text) => Number(text ?? 0));
  const fraction = Number((match[7] ?? '').padEnd(DIGITS_OF_FRACTION, '0'));
  return toTicks({ year, month, day, hour, minute, second, fraction });
}

const floorDivide = (a: bigint, b: bigint): bigint => (a - (((a % b) + b) % b)) / b;

function dateOf(ticks: Ticks): { date: Date; fraction: number } {
  const ms = floorDivide(ticks, 1_000n * TICKS_PER_MS) * 1_000n;
  return { date: new Date(Number(ms)), fraction: Number(ticks - ms * TICKS_PER_MS) };
}

function format(ticks: Ticks): Value {
  const { date, fraction } = dateOf(ticks);
  const year = date.getUTCFullYear();
  if (Number.isNaN(year) || year < 1 || year > 9_999) return undefined;
  return `${date.toISOString().slice(0, -4)}${String(fraction).padStart(DIGITS_OF_FRACTION, '0')}Z`;
}

/** Parts of a fixed length, in hundredths of a tick: a nanosecond is less than a tick. */
const NANOSECONDS: Readonly<Record<string, bigint>> = {
  day: 86_400_000_000_000n,
  hour: 3_600_000_000_000n,
  minute: 60_000_000_000n,
  second: 1_000_000_000n,
  millisecond: 1_000_000n,
  microsecond: 1_000n,
  nanosecond: 1n,
};
const NANOSECONDS_PER_TICK = 100n;
const MONTHS: Readonly<Record<string, number>> = { year: 12, month: 1 };

const NAMES: Readonly<Record<string, readonly string[]>> = {
  year: ['year', 'yyyy', 'yy'],
  month: ['month', 'mm', 'm'],
  day: ['day', 'dd', 'd'],
  hour: ['hour', 'hh'],
  minute: ['minute', 'mi', 'n'],
  second: ['second', 'ss', 's'],
  millisecond: ['millisecond', 'ms'],
  microsecond: ['microsecond', 'mcs'],
  nanosecond: ['nanosecond', 'ns'],
};

function partOf(value: Value): string {
  const text = isString(value) ? value.toLowerCase() : '';
  return Object.keys(NAMES).find((name) => NAMES[name]?.includes(text)) ?? '';
}

const monthsOf = (ticks: Ticks): number => {
  const { date } = dateOf(ticks);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
};

/** The same day and time, so many months later; the last day of the month where there is no such day. */
function addMonths(ticks: Ticks, months: number): Ticks | undefined {
  const { date, fraction } = dateOf(ticks);
  const total = monthsOf(ticks) + months;
  const [year, month] = [Math.floor(total / 12), ((total % 12) + 12) % 12];
  if (year < 1 || year > 9_999) return undefined;
  const lastDay = new Date(0);
  lastDay.setUTCFullYear(year, month + 1, 0);
  return toTicks({
    year,
    month: month + 1,
    day: Math.min(date.getUTCDate(), lastDay.getUTCDate()),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    fraction,
  });
}

const formatted = (ticks: Ticks | undefined): Value => (ticks === undefined ? undefined : format(ticks));
const isInteger = (value: Value): value is number => Number.isSafeInteger(value);

function add([part, count, value]: readonly Value[]): Value {
  const [name, ticks] = [partOf(part), parse(value)];
  if (ticks === undefined || !isInteger(count)) return undefined;
  const months = MONTHS[name];
  if (months !== undefined) return formatted(addMonths(ticks, count * months));
  const length = NANOSECONDS[name];
  if (length === undefined) return undefined;
  return format(ticks + floorDivide(BigInt(count) * length, NANOSECONDS_PER_TICK));
}

const EARLIEST_BIN = -116_444_736_000_000_000n;

/** The beginning of the bin of so many parts, counted from `start`, that holds the time. */
function bin([value, part, size = 1, start = '1970-01-01T00:00:00Z']: readonly Value[]): Value {
  const [ticks, from, name] = [parse(value), parse(start), partOf(part)];
  if (ticks === undefined || from === undefined || from < EARLIEST_BIN) return undefined;
  if (!isInteger(size) || size <= 0) return undefined;
  const months = MONTHS[name];
  if (months !== undefined) {
    const passed = monthsOf(ticks) - monthsOf(from);
    const whole = (addMonths(from, passed) ?? ticks) > ticks ? passed - 1 : passed;
    const length = size * months;
    return formatted(addMonths(from, Math.floor(whole / length) * length));
  }
  const length = NANOSECONDS[name];
  if (length === undefined) return undefined;
  const wide = BigInt(size) * length;
  const bins = floorDivide((ticks - from) * NANOSECONDS_PER_TICK, wide);
  return format(from + (bins * wide) / NANOSECONDS_PER_TICK);
}

/** How often the part changes between the two times. */
function difference([part, first, second]: readonly Value[]): Value {
  const [name, from, to] = [partOf(part), parse(first), parse(second)];
  if (from === undefined || to === undefined) return undefined;
  if (name === 'year') return dateOf(to).date.getUTCFullYear() - dateOf(from).date.getUTCFullYear();
  if (name === 'month') return monthsOf(to) - monthsOf(from);
  const length = NANOSECONDS[name];
  if (length === undefined) return undefined;
  const count = (ticks: Ticks): bigint => floorDivide(ticks * NANOSECONDS_PER_TICK, length);
  return Number(count(to) - count(from));
}

function fromParts(args: readonly Value[]): Value {
  if (args.length < 3 || !args.every(isInteger)) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, fraction = 0] = args as number[];
  if (fraction < 0 || fraction >= 10 ** DIGITS_OF_FRACTION) return undefined;
  return formatted(toTicks({ year, month, day, hour, minute, second, fraction }));
}

function partValue([part, value]: readonly Value[]): Value {
  const ticks = parse(value);
  if (ticks === undefined) return undefined;
  const { date, fraction } = dateOf(ticks);
  const values: Readonly<Record<string, number>> = {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    millisecond: Math.floor(fraction / 10_000),
    microsecond: Math.floor(fraction / 10),
    nanosecond: fraction * 100,
  };
  return values[partOf(part)];
}

/** The value of one part of the date. */
const partOnly =
  (part: string): SqlFunction =>
  ([value]) =>
    partValue([part, value]);

/** https://learn.microsoft.com/cosmos-db/query/is-datetime: a date alone, or with a time after a space or a `T`. */
const WRITTEN = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d:\d\d(?:\.\d{1,7})?))?Z?$/;

function isDateTime(value: Value): boolean {
  const match = isString(value) ? WRITTEN.exec(value) : null;
  return match !== null && parse(`${match[1]}T${match[2] ?? '00:00:00'}Z`) !== undefined;
}

const fromMs = (ms: number): Value =>
  Number.isFinite(ms) && Math.abs(ms) <= Number.MAX_SAFE_INTEGER
    ? format(BigInt(Math.trunc(ms)) * TICKS_PER_MS)
    : undefined;

const now: SqlFunction = (_, clock) => fromMs(clock());
const nowMs: SqlFunction = (_, clock) => clock();
const nowTicks: SqlFunction = (_, clock) => clock() * Number(TICKS_PER_MS);

/** The clock stands still while a page is made: the static functions are the same as the others. */
export const DATE_FUNCTIONS: Readonly<Record<string, SqlFunction>> = {
  GETCURRENTDATETIME: now,
  GETCURRENTDATETIMESTATIC: now,
  GETCURRENTTIMESTAMP: nowMs,
  GETCURRENTTIMESTAMPSTATIC: nowMs,
  GETCURRENTTICKS: nowTicks,
  GETCURRENTTICKSSTATIC: nowTicks,
  NOW: now,
  AGO: ([part, count], clock) => (isInteger(count) ? add([part, -count, fromMs(clock())]) : undefined),
  YEAR: partOnly('year'),
  MONTH: partOnly('month'),
  DAY: partOnly('day'),
  IS_DATETIME: ([value]) => isDateTime(value),
  DATETIMEADD: add,
  DATETIMEBIN: bin,
  DATETIMEDIFF: difference,
  DATETIMEFROMPARTS: fromParts,
  DATETIMEPART: partValue,
  DATETIMETOTICKS: ([value]) => {
    const ticks = parse(value);
    return ticks === undefined ? undefined : Number(ticks);
  },
  DATETIMETOTIMESTAMP: ([value]) => {
    const ticks = parse(value);
    return ticks === undefined ? undefined : Number(floorDivide(ticks, TICKS_PER_MS));
  },
  TICKSTODATETIME: ([ticks]) =>
    isNumber(ticks) && Number.isFinite(ticks) ? format(BigInt(Math.trunc(ticks))) : undefined,
  TIMESTAMPTODATETIME: ([ms]) => (isNumber(ms) ? fromMs(ms) : undefined),
};
