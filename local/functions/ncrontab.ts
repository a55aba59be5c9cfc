/**
 * NCRONTAB schedules, `{second} {minute} {hour} {day} {month} {day-of-week}`:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
 * Times are UTC, as on the platform unless WEBSITE_TIME_ZONE is set (which is not supported here).
 */
export interface Schedule {
  /** The first moment after `after` (ms since the epoch), or undefined when there is none within {@link HORIZON_YEARS}. */
  next(after: number): number | undefined;
}

/** 29 February on a certain day of the week comes at least once in so many years. */
const HORIZON_YEARS = 40;

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

interface Field {
  name: string;
  min: number;
  max: number;
  names?: readonly string[];
}

const SECOND: Field = { name: 'second', min: 0, max: 59 };
const FIELDS: readonly Field[] = [
  SECOND,
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, names: MONTHS },
  // 7 is Sunday, too.
  { name: 'day of week', min: 0, max: 7, names: DAYS },
];

/** @throws when the expression has not five (seconds are 0 then) or six valid fields. */
export function parseNcrontab(expression: string): Schedule {
  const texts = expression.trim().split(/\s+/);
  if (texts.length === 5) texts.unshift('0');
  if (texts.length !== 6) throw new Error(`"${expression}" is no schedule: it needs six fields.`);
  const sets = FIELDS.map((field, index) => parseField(field, texts[index] ?? '', expression));
  const [seconds, minutes, hours, days, months, weekdays] = sets as [
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
  ];
  if (weekdays.has(7)) weekdays.add(0);
  const dayMatches = (year: number, month: number, day: number): boolean =>
    days.has(day) && weekdays.has(new Date(Date.UTC(year, month - 1, day)).getUTCDay());
  return {
    next(after) {
      const from = new Date(Math.floor(after / 1000) * 1000 + 1000);
      const lastYear = from.getUTCFullYear() + HORIZON_YEARS;
      const start = Date.UTC(from.getUTCFullYear(), from.getUTCMonth(), from.getUTCDate());
      for (let day = start; ; day += 86_400_000) {
        const date = new Date(day);
        if (date.getUTCFullYear() > lastYear) return undefined;
        const [year, month] = [date.getUTCFullYear(), date.getUTCMonth() + 1];
        if (!months.has(month) || !dayMatches(year, month, date.getUTCDate())) continue;
        const time = firstTime(day === start ? from.getTime() - day : 0, hours, minutes, seconds);
        if (time !== undefined) return day + time;
      }
    },
  };
}

/** The first time of day (ms) not before `from` that all three sets hold. */
function firstTime(
  from: number,
  hours: Set<number>,
  minutes: Set<number>,
  seconds: Set<number>,
): number | undefined {
  for (const hour of sorted(hours)) {
    if ((hour + 1) * 3_600_000 <= from) continue;
    for (const minute of sorted(minutes)) {
      if (hour * 3_600_000 + (minute + 1) * 60_000 <= from) continue;
      for (const second of sorted(seconds)) {
        const time = hour * 3_600_000 + minute * 60_000 + second * 1000;
        if (time >= from) return time;
      }
    }
  }
  return undefined;
}

function sorted(values: Set<number>): number[] {
  return [...values].sort((a, b) => a - b);
}

/** `*`, `5`, `1-5`, `MON-FRI`, `*\/5`, `10-30/5`, `5/10`, and lists of them. */
function parseField(field: Field, text: string, expression: string): Set<number> {
  const values = new Set<number>();
  const refuse = (): never => {
    throw new Error(`"${expression}" is no schedule: "${text}" is no ${field.name}.`);
  };
  for (const item of text.split(',')) {
    const [range = '', stepText, more] = item.split('/');
    const step = stepText === undefined ? 1 : /^\d+$/.test(stepText) ? Number(stepText) : 0;
    if (step < 1 || more !== undefined) refuse();
    const [low, high] = parseRange(field, range, stepText !== undefined) ?? refuse();
    for (let value = low; value <= high; value += step) values.add(value);
  }
  return values;
}

function parseRange(field: Field, range: string, stepped: boolean): [number, number] | undefined {
  // "Any" day of the week is 0 to 6: 7 would name Sunday twice and shift steps.
  if (range === '*') return [field.min, field.names === DAYS ? 6 : field.max];
  const [first = '', second, more] = range.split('-');
  const low = parseValue(field, first);
  const high = second === undefined ? (stepped ? field.max : low) : parseValue(field, second);
  if (low === undefined || high === undefined || more !== undefined || low > high) return undefined;
  return [low, high];
}

function parseValue(field: Field, text: string): number | undefined {
  const named = field.names?.findIndex((name) => text.toLowerCase().startsWith(name)) ?? -1;
  if (named >= 0 && /^[a-z]+$/i.test(text)) return named + field.min;
  if (!/^\d{1,2}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= field.min && value <= field.max ? value : undefined;
}
