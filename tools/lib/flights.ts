import { AIRPORTS, REGISTRIES, type Airport, type Registry } from './airports';
import { mixSeed, random, type Random } from './random';
import { bearing, distanceKm, rounded, travelled } from './sphere';

/** The state of an aircraft as `schemas/flights.json` describes it. */
export interface FlightState {
  icao24: string;
  callsign: string | null;
  origin_country: string;
  time_position: number | null;
  last_contact: number;
  longitude: number | null;
  latitude: number | null;
  baro_altitude: number | null;
  on_ground: boolean;
  velocity: number | null;
  true_track: number | null;
  vertical_rate: number | null;
  geo_altitude: number | null;
  squawk: string | null;
  spi: boolean;
  position_source: number;
  category: number;
}

export interface FlightOptions {
  readonly seed: number;
  /** Without end when it is left out. */
  readonly count?: number;
  /** Number of the first state, to give several producers ranges of their own. */
  readonly first?: number;
  /** How many different aircraft there are: each of them is in every poll. */
  readonly aircraft?: number;
  /** Time of the first poll, ISO 8601. */
  readonly from?: string;
  /** Seconds from one poll to the next. */
  readonly intervalSeconds?: number;
}

export const DEFAULT_AIRCRAFT = 120;
export const DEFAULT_FIRST_POLL = '2026-03-16T08:00:00Z';
export const DEFAULT_POLL_SECONDS = 60;

/**
 * What polls of the sky over Europe bring, one after the other: invented aircraft that fly to and fro between two real
 * airports each, on great circles. The same for the same options, and lazy.
 */
export function* flights(options: FlightOptions): Generator<FlightState> {
  const { seed, count = Infinity, first = 0, aircraft = DEFAULT_AIRCRAFT } = options;
  const from = Date.parse(options.from ?? DEFAULT_FIRST_POLL) / 1_000;
  const every = options.intervalSeconds ?? DEFAULT_POLL_SECONDS;
  const fleet: Aircraft[] = [];
  for (let number = first; number < first + count; number++) {
    const which = number % aircraft;
    fleet[which] ??= makeAircraft(seed, which);
    yield stateOf(fleet[which], from + Math.floor(number / aircraft) * every);
  }
}

/** What an aircraft is for ever; distances in km, speeds in m/s, heights in m, times in s. */
interface Aircraft {
  readonly seed: number;
  readonly icao24: string;
  readonly callsign: string;
  readonly country: string;
  readonly category: number;
  readonly positionSource: number;
  readonly ends: readonly [Airport, Airport];
  readonly km: number;
  readonly cruise: { readonly height: number; readonly speed: number };
  readonly climbSeconds: number;
  readonly descentSeconds: number;
  readonly flightSeconds: number;
  readonly groundSeconds: number;
  /** Where in its round it is at the epoch. */
  readonly offset: number;
  /** How much higher it is than its pressure says. */
  readonly geoOffset: number;
}

const SHORTEST_KM = 350;
const CLIMB = 9;
const DESCENT = 7.5;
/** On the runway. */
const SLOWEST = 75;

function makeAircraft(seed: number, number: number): Aircraft {
  const own = random(mixSeed(seed, number, 11));
  const ends = pickEnds(own);
  const km = distanceKm(...ends);
  const speed = own.integer(205, 248);
  const profile = flightProfile(km, speed, own);
  const registry = REGISTRIES[number % REGISTRIES.length] as Registry;
  const groundSeconds = own.integer(25, 55) * 60;
  return {
    seed: mixSeed(seed, number, 12),
    icao24: address(registry, seed, Math.floor(number / REGISTRIES.length)),
    callsign: `HW${registry.letter}${own.integer(10, 9_999)}`,
    country: registry.country,
    category: own.pick([0, 3, 4, 4, 4, 5, 6]),
    positionSource: own.pick([0, 0, 0, 0, 0, 0, 0, 0, 2, 1]),
    ends,
    km,
    ...profile,
    groundSeconds,
    offset: own.integer(0, 2 * (profile.flightSeconds + groundSeconds)),
    geoOffset: own.integer(-5, 20) * QUARTER_HUNDRED_FEET,
  };
}

function pickEnds(own: Random): [Airport, Airport] {
  for (;;) {
    const ends: [Airport, Airport] = [own.pick(AIRPORTS), own.pick(AIRPORTS)];
    if (distanceKm(...ends) >= SHORTEST_KM) return ends;
  }
}

/** All of a country's addresses come before one comes again. */
function address({ first, size }: Registry, seed: number, number: number): string {
  return (first + ((mixSeed(seed, first) + number) % size)).toString(16).padStart(6, '0');
}

const FLIGHT_LEVEL = 304.8;

/** Short flights do not get high: there must be room to climb and to descend. */
function flightProfile(
  km: number,
  speed: number,
  own: Random,
): Pick<Aircraft, 'cruise' | 'climbSeconds' | 'descentSeconds' | 'flightSeconds'> {
  const mean = (SLOWEST + speed) / 2;
  const highest = (0.85 * km * 1_000) / (mean * (1 / CLIMB + 1 / DESCENT));
  const level = Math.min(own.integer(30, 39), Math.floor(highest / FLIGHT_LEVEL));
  const height = level * FLIGHT_LEVEL;
  const climbSeconds = Math.round(height / CLIMB);
  const descentSeconds = Math.round(height / DESCENT);
  const cruiseMetres = km * 1_000 - mean * (climbSeconds + descentSeconds);
  return {
    cruise: { height, speed },
    climbSeconds,
    descentSeconds,
    flightSeconds: climbSeconds + descentSeconds + Math.round(cruiseMetres / speed),
  };
}

/** Where an aircraft is on its round: from which end to which, and how far. */
interface Moment {
  readonly from: Airport;
  readonly to: Airport;
  readonly onGround: boolean;
  readonly km: number;
  readonly height: number;
  readonly speed: number;
  readonly rate: number;
}

function momentOf(plane: Aircraft, time: number): Moment {
  const leg = plane.flightSeconds + plane.groundSeconds;
  const at = (time + plane.offset) % (2 * leg);
  const [from, to] = at < leg ? plane.ends : [plane.ends[1], plane.ends[0]];
  const since = (at % leg) - plane.groundSeconds;
  if (since < 0) {
    // It leaves its stand five minutes before it takes off.
    const speed = since > -300 ? 7.7 : 0;
    return { from, to, onGround: true, km: 0, height: from.elevation, speed, rate: 0 };
  }
  return { from, to, onGround: false, ...inTheAir(plane, since, from, to) };
}

function inTheAir(
  plane: Aircraft,
  since: number,
  from: Airport,
  to: Airport,
): Omit<Moment, 'from' | 'to' | 'onGround'> {
  const { cruise, climbSeconds, descentSeconds, flightSeconds, km } = plane;
  const left = flightSeconds - since;
  const between = (low: number, high: number, part: number): number => low + (high - low) * part;
  if (since < climbSeconds) {
    const part = since / climbSeconds;
    const speed = between(SLOWEST, cruise.speed, part);
    const height = between(from.elevation, cruise.height, part);
    const rate = (cruise.height - from.elevation) / climbSeconds;
    return { km: (((SLOWEST + speed) / 2) * since) / 1_000, height, speed, rate };
  }
  if (left < descentSeconds) {
    const part = left / descentSeconds;
    const speed = between(SLOWEST, cruise.speed, part);
    const height = between(to.elevation, cruise.height, part);
    const rate = (to.elevation - cruise.height) / descentSeconds;
    return { km: km - (((SLOWEST + speed) / 2) * left) / 1_000, height, speed, rate };
  }
  const climbed = (((SLOWEST + cruise.speed) / 2) * climbSeconds) / 1_000;
  return {
    km: climbed + (cruise.speed * (since - climbSeconds)) / 1_000,
    height: cruise.height,
    speed: cruise.speed,
    rate: 0,
  };
}

/** Heights come in steps of 25 feet. */
const QUARTER_HUNDRED_FEET = 7.62;
/** Rates come in steps of 64 feet a minute. */
const RATE_STEP = 0.32512;

const inSteps = (value: number, step: number): number => rounded(Math.round(value / step) * step, 2);

/** @param poll seconds since the epoch */
function stateOf(plane: Aircraft, poll: number): FlightState {
  const source = random(mixSeed(plane.seed, poll));
  const lastContact = poll - source.integer(0, 4);
  const { from, to, onGround, km, height, speed, rate } = momentOf(plane, lastContact);
  const place = travelled(from, bearing(from, to), km);
  const located = source.next() >= 0.02;
  const missing = (part: number): boolean => source.next() < part;
  return {
    icao24: plane.icao24,
    callsign: missing(0.01) ? null : plane.callsign.padEnd(8),
    origin_country: plane.country,
    time_position: located ? lastContact - source.integer(0, 2) : null,
    last_contact: lastContact,
    longitude: located ? rounded(place.longitude, 4) : null,
    latitude: located ? rounded(place.latitude, 4) : null,
    baro_altitude: onGround || missing(0.01) ? null : inSteps(height, QUARTER_HUNDRED_FEET),
    on_ground: onGround,
    velocity: rounded(speed, 2),
    true_track: rounded(bearing(place, to), 2),
    vertical_rate: onGround ? null : inSteps(rate, RATE_STEP),
    geo_altitude: onGround || missing(0.03) ? null : inSteps(height + plane.geoOffset, QUARTER_HUNDRED_FEET),
    squawk: missing(0.08) ? null : squawk(plane, poll),
    spi: missing(0.001),
    position_source: plane.positionSource,
    category: plane.category,
  };
}

const HALF_DAY = 43_200;

/** A code that air traffic control gives out anew now and then. */
function squawk(plane: Aircraft, poll: number): string {
  const code = random(mixSeed(plane.seed, Math.floor(poll / HALF_DAY))).integer(0o1000, 0o6777);
  return code.toString(8).padStart(4, '0');
}
