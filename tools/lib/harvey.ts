/** Where the storm was, and how strong. */
export interface Fix {
  /** ms since the epoch */
  readonly time: number;
  /** Degrees, WGS 84. */
  readonly latitude: number;
  readonly longitude: number;
  /** Strongest sustained wind, knots. */
  readonly wind: number;
}

/** Day of August 2017 (32 is 1 September), hour UTC, °N, °W, knots. */
type Row = readonly [day: number, hour: number, north: number, west: number, wind: number];

/**
 * Best track of Hurricane Harvey (AL092017), 17 August to 1 September 2017: the six-hourly positions and the landfalls
 * of HURDAT2, National Hurricane Center, which gives them to a tenth of a degree (https://www.nhc.noaa.gov/data/#hurdat;
 * report: https://www.nhc.noaa.gov/data/tcr/AL092017_Harvey.pdf). A work of the United States government, in the public
 * domain. From 19 to 22 August it was an open wave.
 */
const BEST_TRACK: readonly Row[] = [
  [17, 6, 13.4, 52.0, 25],
  [17, 12, 13.1, 53.4, 30],
  [17, 18, 13.0, 55.0, 35],
  [18, 0, 13.0, 56.6, 40],
  [18, 6, 13.0, 58.4, 40],
  // Landfall on Barbados, then on St. Vincent.
  [18, 10, 13.1, 59.6, 40],
  [18, 12, 13.1, 60.3, 40],
  [18, 15, 13.2, 61.2, 40],
  [18, 18, 13.2, 62.2, 35],
  [19, 0, 13.4, 64.0, 35],
  [19, 6, 13.5, 65.7, 35],
  [19, 12, 13.7, 67.5, 30],
  [19, 18, 13.8, 69.2, 30],
  [20, 0, 14.0, 71.0, 30],
  [20, 6, 14.2, 72.9, 30],
  [20, 12, 14.4, 75.0, 30],
  [20, 18, 14.7, 76.8, 30],
  [21, 0, 15.1, 78.6, 25],
  [21, 6, 15.7, 80.5, 25],
  [21, 12, 16.4, 82.5, 25],
  [21, 18, 17.3, 84.6, 25],
  [22, 0, 18.0, 86.4, 25],
  [22, 6, 18.6, 87.8, 25],
  [22, 12, 19.4, 88.8, 25],
  [22, 18, 20.0, 89.7, 25],
  [23, 0, 20.5, 90.7, 25],
  [23, 6, 20.9, 91.6, 25],
  [23, 12, 21.4, 92.3, 30],
  [23, 18, 21.6, 92.4, 35],
  [24, 0, 22.0, 92.5, 40],
  [24, 6, 22.8, 92.6, 50],
  [24, 12, 23.7, 93.1, 60],
  [24, 18, 24.4, 93.6, 70],
  [25, 0, 25.0, 94.4, 80],
  [25, 6, 25.6, 95.1, 90],
  [25, 12, 26.3, 95.8, 95],
  [25, 18, 27.1, 96.3, 105],
  [26, 0, 27.8, 96.8, 115],
  // Landfall on San José Island, then on the mainland.
  [26, 3, 28.0, 96.9, 115],
  [26, 6, 28.2, 97.1, 105],
  [26, 12, 28.7, 97.3, 65],
  [26, 18, 29.0, 97.5, 50],
  [27, 0, 29.2, 97.4, 45],
  [27, 6, 29.3, 97.6, 40],
  [27, 12, 29.1, 97.5, 35],
  [27, 18, 29.0, 97.2, 35],
  [28, 0, 28.8, 96.8, 35],
  [28, 6, 28.6, 96.5, 40],
  [28, 12, 28.5, 96.2, 40],
  [28, 18, 28.4, 95.9, 40],
  [29, 0, 28.2, 95.4, 40],
  [29, 6, 28.1, 95.0, 40],
  [29, 12, 28.2, 94.6, 40],
  [29, 18, 28.5, 94.2, 45],
  [30, 0, 28.9, 93.8, 45],
  [30, 6, 29.4, 93.6, 40],
  // Landfall in Louisiana.
  [30, 8, 29.8, 93.5, 40],
  [30, 12, 30.1, 93.4, 40],
  [30, 18, 30.6, 93.1, 35],
  [31, 0, 31.3, 92.6, 30],
  [31, 6, 31.9, 92.2, 25],
  [31, 12, 32.5, 91.7, 20],
  [31, 18, 33.4, 90.9, 25],
  [32, 0, 34.1, 89.6, 30],
  [32, 6, 34.9, 88.2, 30],
  [32, 12, 36.0, 87.1, 25],
  [32, 18, 36.5, 86.4, 20],
];

export const TRACK: readonly Fix[] = BEST_TRACK.map(([day, hour, north, west, wind]) => ({
  time: Date.UTC(2017, 7, day, hour),
  latitude: north,
  longitude: -west,
  wind,
}));

/** The storm at a time, ms since the epoch: between two fixes in a straight line, before and after all at the ends. */
export function stormAt(time: number): Fix {
  const after = TRACK.findIndex((fix) => fix.time >= time);
  const to = TRACK[after === -1 ? TRACK.length - 1 : after] as Fix;
  const from = TRACK[Math.max(0, after - 1)] as Fix;
  if (after <= 0) return { ...to, time };
  const part = (time - from.time) / (to.time - from.time);
  const between = (one: number, other: number): number => one + part * (other - one);
  return {
    time,
    latitude: between(from.latitude, to.latitude),
    longitude: between(from.longitude, to.longitude),
    wind: between(from.wind, to.wind),
  };
}
