import { DEFAULT_AIRCRAFT, flights, type FlightState } from './flights';
import { random } from './random';
import { asNdjson, SAMPLE_SEED, type SampleFile } from './sample-file';

/** An hour of them, one a minute, both ends included. */
const POLLS = 61;

/** An aircraft that no receiver hears is left out, or told as it was a minute ago. */
const UNHEARD = 0.025;
const REPEATED = 0.015;

/** What polls of an hour bring. */
export function hourOfFlights(): FlightState[] {
  const source = random(SAMPLE_SEED);
  const last = new Map<string, FlightState>();
  const states: FlightState[] = [];
  for (const state of flights({ seed: SAMPLE_SEED, count: POLLS * DEFAULT_AIRCRAFT })) {
    const heard = source.next();
    if (heard < UNHEARD) continue;
    const before = heard < UNHEARD + REPEATED ? last.get(state.icao24) : undefined;
    states.push(before ?? state);
    last.set(state.icao24, before ?? state);
  }
  return states;
}

/** One file: a batch in which each aircraft comes about sixty times. */
export function flightSamples(): SampleFile[] {
  const file = asNdjson('flights/flights.ndjson.gz', 'flights', hourOfFlights());
  return [{ ...file, contentEncoding: 'gzip' }];
}
