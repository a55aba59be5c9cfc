import { flights, type FlightState } from '../../tools/lib/flights';
import { hourOfFlights } from '../../tools/lib/flight-samples';
import { bearing, distanceKm, travelled } from '../../tools/lib/sphere';

const AIRCRAFT = 120;
/** Eight hours, polled every two minutes. */
const POLLS = 8 * 30;
const hours = [...flights({ seed: 2, count: AIRCRAFT * POLLS, intervalSeconds: 120 })];

function byAircraft(states: readonly FlightState[]): FlightState[][] {
  return [...Map.groupBy(states, ({ icao24 }) => icao24).values()];
}

/** Pairs of a state and the next of the same aircraft. */
function steps(states: readonly FlightState[]): [FlightState, FlightState][] {
  return byAircraft(states).flatMap((own) =>
    own.slice(1).map((state, at): [FlightState, FlightState] => [own[at]!, state]),
  );
}

const placeOf = ({ latitude, longitude }: FlightState) => ({ latitude: latitude!, longitude: longitude! });

test('distances, directions and ways on the globe', () => {
  const [frankfurt, lisbon] = [
    { latitude: 50.03, longitude: 8.57 },
    { latitude: 38.77, longitude: -9.13 },
  ];
  expect(distanceKm(frankfurt, lisbon)).toBeCloseTo(1_874, -1);
  const there = travelled(frankfurt, bearing(frankfurt, lisbon), distanceKm(frankfurt, lisbon));
  expect(there.latitude).toBeCloseTo(lisbon.latitude, 6);
  expect(there.longitude).toBeCloseTo(lisbon.longitude, 6);
  expect(bearing({ latitude: 0, longitude: 0 }, { latitude: 0, longitude: 1 })).toBeCloseTo(90);
  expect(bearing({ latitude: 1, longitude: 0 }, { latitude: 0, longitude: 0 })).toBeCloseTo(180);
  expect(travelled({ latitude: 0, longitude: 179.9 }, 90, 100).longitude).toBeLessThan(-179);
});

test('every aircraft is in every poll, under an address of its own', () => {
  const all = byAircraft(hours);
  expect(all).toHaveLength(AIRCRAFT);
  expect(all.every((states) => states.length === POLLS)).toBe(true);
  expect(byAircraft([...flights({ seed: 2, count: 3_000, aircraft: 3_000 })])).toHaveLength(3_000);
});

test('aircraft move as fast as they say and where they head', () => {
  const wrong = steps(hours).filter(([from, to]) => {
    const seconds = to.last_contact - from.last_contact;
    if (seconds <= 0) return true;
    if (from.latitude === null || to.latitude === null) return false;
    const km = distanceKm(placeOf(from), placeOf(to));
    const fastest = Math.max(from.velocity!, to.velocity!);
    if (km > (fastest * seconds) / 1_000 + 2) return true;
    const heading = bearing(placeOf(from), placeOf(to));
    const turned = Math.abs(((heading - from.true_track! + 540) % 360) - 180);
    return !from.on_ground && !to.on_ground && km > 10 && turned > 2;
  });
  expect(wrong).toEqual([]);
});

test('heights change as the rates say, without a jump', () => {
  const wrong = steps(hours).filter(([from, to]) => {
    if (from.baro_altitude === null || to.baro_altitude === null) return false;
    const fastest = Math.max(Math.abs(from.vertical_rate!), Math.abs(to.vertical_rate!)) + 0.4;
    const seconds = to.last_contact - from.last_contact;
    return Math.abs(to.baro_altitude - from.baro_altitude) > fastest * seconds + 8;
  });
  expect(wrong).toEqual([]);
});

test('in eight hours all take off, cruise, come down and stand', () => {
  for (const states of byAircraft(hours)) {
    expect(states.some(({ on_ground, velocity }) => on_ground && velocity === 0)).toBe(true);
    expect(states.some(({ vertical_rate }) => (vertical_rate ?? 0) > 5)).toBe(true);
    expect(states.some(({ vertical_rate }) => (vertical_rate ?? 0) < -5)).toBe(true);
    expect(states.some(({ on_ground, vertical_rate }) => !on_ground && vertical_rate === 0)).toBe(true);
  }
});

test('what is not heard is null', () => {
  const nulls = (name: keyof FlightState): number => hours.filter((state) => state[name] === null).length;
  for (const name of ['latitude', 'callsign', 'squawk', 'baro_altitude', 'geo_altitude'] as const)
    expect(nulls(name)).toBeGreaterThan(0);
  expect(nulls('latitude')).toBe(nulls('time_position'));
  expect(hours.filter((state) => state.on_ground && state.baro_altitude !== null)).toEqual([]);
});

test('the recorded hour has gaps, and states that are told twice', () => {
  const hour = hourOfFlights();
  const polls = 61;
  expect(byAircraft(hour)).toHaveLength(AIRCRAFT);
  expect(hour.length).toBeLessThan(polls * AIRCRAFT);
  expect(hour.length).toBeGreaterThan(0.95 * polls * AIRCRAFT);
  const repeated = steps(hour).filter(([from, to]) => from.last_contact === to.last_contact);
  expect(repeated.length).toBeGreaterThan(20);
  expect(repeated.filter(([from, to]) => JSON.stringify(from) !== JSON.stringify(to))).toEqual([]);
});
