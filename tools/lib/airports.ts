import type { Place } from './sphere';

export interface Airport extends Place {
  /** ICAO location indicator */
  readonly icao: string;
  /** Metres above the sea. */
  readonly elevation: number;
}

const airport = (icao: string, latitude: number, longitude: number, elevation: number): Airport => ({
  icao,
  latitude,
  longitude,
  elevation,
});

/** Real ones; positions to about a kilometre. */
export const AIRPORTS: readonly Airport[] = [
  airport('EDDF', 50.03, 8.57, 111),
  airport('EDDM', 48.35, 11.79, 453),
  airport('EDDB', 52.36, 13.5, 48),
  airport('EDDH', 53.63, 9.99, 16),
  airport('LFPG', 49.01, 2.55, 119),
  airport('LFBO', 43.63, 1.37, 152),
  airport('LFML', 43.44, 5.22, 21),
  airport('EGLL', 51.47, -0.45, 25),
  airport('EGCC', 53.35, -2.27, 78),
  airport('EGPH', 55.95, -3.37, 41),
  airport('EIDW', 53.42, -6.27, 74),
  airport('EHAM', 52.31, 4.76, -3),
  airport('EBBR', 50.9, 4.48, 56),
  airport('LEMD', 40.47, -3.56, 610),
  airport('LEBL', 41.3, 2.08, 4),
  airport('LEMG', 36.67, -4.5, 16),
  airport('LPPT', 38.77, -9.13, 114),
  airport('LIRF', 41.8, 12.24, 5),
  airport('LIMC', 45.63, 8.72, 234),
  airport('LSZH', 47.46, 8.55, 432),
  airport('LOWW', 48.11, 16.57, 183),
  airport('LKPR', 50.1, 14.26, 380),
  airport('EPWA', 52.17, 20.97, 110),
  airport('LHBP', 47.44, 19.26, 151),
  airport('EKCH', 55.62, 12.66, 5),
  airport('ESSA', 59.65, 17.92, 42),
  airport('ENGM', 60.19, 11.1, 208),
  airport('EFHK', 60.32, 24.96, 55),
  airport('LGAV', 37.94, 23.94, 94),
  airport('LROP', 44.57, 26.09, 96),
];

/** A country's aircraft: which addresses are its own, and the letter of their call signs here. */
export interface Registry {
  readonly country: string;
  /** The first of its transponder addresses (ICAO Annex 10, volume III, chapter 9), and how many there are. */
  readonly first: number;
  readonly size: number;
  readonly letter: string;
}

const registry = (country: string, first: number, size: number, letter: string): Registry => ({
  country,
  first,
  size,
  letter,
});

export const REGISTRIES: readonly Registry[] = [
  registry('Germany', 0x3c0000, 0x40000, 'D'),
  registry('France', 0x380000, 0x40000, 'F'),
  registry('United Kingdom', 0x400000, 0x40000, 'G'),
  registry('Spain', 0x340000, 0x40000, 'E'),
  registry('Italy', 0x300000, 0x40000, 'I'),
  registry('Kingdom of the Netherlands', 0x480000, 0x8000, 'N'),
  registry('Switzerland', 0x4b0000, 0x8000, 'H'),
  registry('Sweden', 0x4a8000, 0x8000, 'S'),
  registry('Austria', 0x440000, 0x8000, 'O'),
  registry('Poland', 0x488000, 0x8000, 'P'),
  registry('Portugal', 0x490000, 0x8000, 'L'),
  registry('Ireland', 0x4ca000, 0x1000, 'R'),
];
