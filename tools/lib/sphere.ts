/** A place on the globe, degrees. */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

/** Mean radius of the Earth, km (IUGG). */
const RADIUS_KM = 6371.0088;

const radians = (degrees: number): number => (degrees * Math.PI) / 180;
const degrees = (radians: number): number => (radians * 180) / Math.PI;

/** Rounded to so many decimals; never -0, which JSON cannot tell from 0. */
export function rounded(value: number, decimals: number): number {
  return Math.round(value * 10 ** decimals) / 10 ** decimals + 0;
}

/** Length of the great circle between two places, km. */
export function distanceKm(from: Place, to: Place): number {
  const [north, other] = [radians(from.latitude), radians(to.latitude)];
  const south = Math.sin((other - north) / 2) ** 2;
  const east = Math.sin(radians(to.longitude - from.longitude) / 2) ** 2;
  return 2 * RADIUS_KM * Math.asin(Math.sqrt(south + Math.cos(north) * Math.cos(other) * east));
}

/** Direction of the great circle at its beginning, degrees clockwise from north. */
export function bearing(from: Place, to: Place): number {
  const [north, other] = [radians(from.latitude), radians(to.latitude)];
  const east = radians(to.longitude - from.longitude);
  const y = Math.sin(east) * Math.cos(other);
  const x = Math.cos(north) * Math.sin(other) - Math.sin(north) * Math.cos(other) * Math.cos(east);
  return (degrees(Math.atan2(y, x)) + 360) % 360;
}

/** The place so many km from `from` in a direction. */
export function travelled(from: Place, direction: number, km: number): Place {
  const [north, east] = [radians(from.latitude), radians(from.longitude)];
  const [track, angle] = [radians(direction), km / RADIUS_KM];
  const latitude = Math.asin(
    Math.sin(north) * Math.cos(angle) + Math.cos(north) * Math.sin(angle) * Math.cos(track),
  );
  const longitude =
    east +
    Math.atan2(
      Math.sin(track) * Math.sin(angle) * Math.cos(north),
      Math.cos(angle) - Math.sin(north) * Math.sin(latitude),
    );
  return { latitude: degrees(latitude), longitude: ((degrees(longitude) + 540) % 360) - 180 };
}
