import { isJsonObject } from '../partition-key';
import type { SqlFunction } from './function-types';
import { isNumber } from './function-types';
import { QueryError } from './lexer';
import type { Value } from './values';

/** Longitude and latitude in radians. */
interface Point {
  readonly longitude: number;
  readonly latitude: number;
}

const RADIANS = Math.PI / 180;
const OTHER_SHAPES = new Set(['LineString', 'Polygon', 'MultiPolygon']);

function pointOf(value: Value): Point | undefined {
  if (!isJsonObject(value)) return undefined;
  const { type, coordinates } = value;
  if (typeof type === 'string' && OTHER_SHAPES.has(type)) {
    throw new QueryError(`ST_DISTANCE is implemented for points only, not for a ${type}.`, 'unsupported');
  }
  if (type !== 'Point' || !Array.isArray(coordinates)) return undefined;
  const [longitude, latitude] = coordinates as Value[];
  if (!isNumber(longitude) || !isNumber(latitude)) return undefined;
  if (Math.abs(longitude) > 180 || Math.abs(latitude) > 90) return undefined;
  return { longitude: longitude * RADIANS, latitude: latitude * RADIANS };
}

// WGS 84: https://earth-info.nga.mil/index.php?dir=wgs84
const EQUATORIAL_RADIUS = 6_378_137;
const FLATTENING = 1 / 298.257223563;
const POLAR_RADIUS = EQUATORIAL_RADIUS * (1 - FLATTENING);
const MEAN_RADIUS = (2 * EQUATORIAL_RADIUS + POLAR_RADIUS) / 3;
const MOST_STEPS = 100;
const PRECISION = 1e-12;

/** On the sphere: for points nearly opposite to each other, where Vincenty's series finds no end. */
function sphericalDistance(a: Point, b: Point): number {
  const h =
    Math.sin((b.latitude - a.latitude) / 2) ** 2 +
    Math.cos(a.latitude) * Math.cos(b.latitude) * Math.sin((b.longitude - a.longitude) / 2) ** 2;
  return 2 * MEAN_RADIUS * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** The distance in metres on the ellipsoid, by Vincenty's inverse formula (https://www.ngs.noaa.gov/PUBS_LIB/inverse.pdf). */
function distance(a: Point, b: Point): number {
  const difference = b.longitude - a.longitude;
  const u1 = Math.atan((1 - FLATTENING) * Math.tan(a.latitude));
  const u2 = Math.atan((1 - FLATTENING) * Math.tan(b.latitude));
  const [sin1, cos1, sin2, cos2] = [Math.sin(u1), Math.cos(u1), Math.sin(u2), Math.cos(u2)];
  let lambda = difference;
  for (let step = 0; step < MOST_STEPS; step++) {
    const [sinLambda, cosLambda] = [Math.sin(lambda), Math.cos(lambda)];
    const sinSigma = Math.hypot(cos2 * sinLambda, cos1 * sin2 - sin1 * cos2 * cosLambda);
    if (sinSigma === 0) return 0;
    const cosSigma = sin1 * sin2 + cos1 * cos2 * cosLambda;
    const sigma = Math.atan2(sinSigma, cosSigma);
    const sinAlpha = (cos1 * cos2 * sinLambda) / sinSigma;
    const cosSqAlpha = 1 - sinAlpha ** 2;
    // On the equator there is no such angle.
    const cos2Middle = cosSqAlpha === 0 ? 0 : cosSigma - (2 * sin1 * sin2) / cosSqAlpha;
    const c = (FLATTENING / 16) * cosSqAlpha * (4 + FLATTENING * (4 - 3 * cosSqAlpha));
    const before = lambda;
    lambda =
      difference +
      (1 - c) *
        FLATTENING *
        sinAlpha *
        (sigma + c * sinSigma * (cos2Middle + c * cosSigma * (2 * cos2Middle ** 2 - 1)));
    if (Math.abs(lambda - before) > PRECISION) continue;
    const u = (cosSqAlpha * (EQUATORIAL_RADIUS ** 2 - POLAR_RADIUS ** 2)) / POLAR_RADIUS ** 2;
    const k1 = 1 + (u / 16_384) * (4_096 + u * (u * (320 - 175 * u) - 768));
    const k2 = (u / 1_024) * (256 + u * (u * (74 - 47 * u) - 128));
    const inner =
      cosSigma * (2 * cos2Middle ** 2 - 1) -
      (k2 / 6) * cos2Middle * (4 * sinSigma ** 2 - 3) * (4 * cos2Middle ** 2 - 3);
    return POLAR_RADIUS * k1 * (sigma - k2 * sinSigma * (cos2Middle + (k2 / 4) * inner));
  }
  return sphericalDistance(a, b);
}

export const SPATIAL_FUNCTIONS: Readonly<Record<string, SqlFunction>> = {
  /** Metres between two GeoJSON points; https://learn.microsoft.com/cosmos-db/query/st-distance */
  ST_DISTANCE: ([first, second]) => {
    const [a, b] = [pointOf(first), pointOf(second)];
    return a && b ? distance(a, b) : undefined;
  },
};
