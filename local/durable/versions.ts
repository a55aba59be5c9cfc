/** Which versions of orchestrations the host runs: `versionMatchStrategy` of host.json. */
export type VersionMatch = 'None' | 'Strict' | 'CurrentOrOlder';

/** https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-orchestration-versioning */
export interface VersionSettings {
  /** `defaultVersion` of host.json: what is started without a version gets it. */
  current: string | null;
  match: VersionMatch;
  /** What becomes of an instance that does not match: it is left as it is, or fails. */
  failure: 'Reject' | 'Fail';
}

export const NO_VERSIONS: VersionSettings = { current: null, match: 'CurrentOrOlder', failure: 'Reject' };

const LARGEST_COMPONENT = 2 ** 31 - 1;
const COMPONENTS = 4;

/** The components of a .NET version, -1 for those left out; undefined when it is none. */
function components(version: string): number[] | undefined {
  if (!/^\s*\d+(\s*\.\s*\d+){1,3}\s*$/.test(version)) return undefined;
  const numbers = version.split('.').map(Number);
  if (numbers.some((number) => number > LARGEST_COMPONENT)) return undefined;
  return Array.from({ length: COMPONENTS }, (_, index) => numbers[index] ?? -1);
}

/**
 * Compares two versions as the platform does: none comes first, dotted numbers go by their numbers, all else by its
 * letters whatever their case (https://github.com/Azure/durabletask, `VersioningSettings.CompareVersions`).
 *
 * @returns a negative number, 0 or a positive number
 */
export function compareVersions(a: string | null, b: string | null): number {
  const [left, right] = [a?.trim() ?? '', b?.trim() ?? ''];
  if (left === '' || right === '') return Number(left !== '') - Number(right !== '');
  const [x, y] = [components(left), components(right)];
  if (x && y) return x.map((number, index) => number - (y[index] ?? 0)).find((sign) => sign !== 0) ?? 0;
  const [upper, other] = [(a ?? '').toUpperCase(), (b ?? '').toUpperCase()];
  return upper < other ? -1 : Number(upper > other);
}

/** Whether the host runs an orchestration of a version. */
export function runsVersion({ current, match }: VersionSettings, version: string | null): boolean {
  if (match === 'None') return true;
  if (match === 'Strict') return (version ?? '') === (current ?? '');
  return compareVersions(version, current) <= 0;
}
