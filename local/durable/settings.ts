import { NO_VERSIONS, type VersionMatch, type VersionSettings } from './versions';

/** When an id may be started over: once its instance has ended, or at any time. */
export type OverridableStates = 'NonRunningStates' | 'AnyState';

/** What the engine takes from `extensions.durableTask` of host.json. */
export interface DurableSettings {
  hubName: string;
  maxConcurrentActivities: number | undefined;
  maxConcurrentOrchestrators: number | undefined;
  /** Activities, timers and sub-orchestrations that one execution may schedule. */
  maxActions: number;
  overridable: OverridableStates;
  versions: VersionSettings;
}

/** https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-bindings#host-json */
const DEFAULT_HUB_NAME = 'DurableFunctionsHub';
const DEFAULT_MAX_ACTIONS = 100_000;

const SECTION = 'extensions.durableTask';
const MATCHES: readonly VersionMatch[] = ['None', 'Strict', 'CurrentOrOlder'];
const FAILURES: readonly VersionSettings['failure'][] = ['Reject', 'Fail'];
const STATES: readonly OverridableStates[] = ['NonRunningStates', 'AnyState'];

/**
 * Reads `extensions.durableTask` of host.json.
 *
 * @param resolve replaces `%NAME%` by the setting of that name
 * @throws when a value is one with which the platform's host does not start
 */
export function readDurableSettings(
  section: Readonly<Record<string, unknown>>,
  resolve: (value: string) => string = (value) => value,
): DurableSettings {
  if (flag(section, 'extendedSessionsEnabled')) {
    throw new Error(
      `host.json: ${SECTION}.extendedSessionsEnabled must not be true: the platform has extended sessions for .NET ` +
        'only, and does not start with a Node app that asks for them.',
    );
  }
  for (const name of ['maxConcurrentEntityFunctions', 'maxEntityOperationBatchSize']) positive(section, name);
  const version = text(section, 'defaultVersion');
  return {
    hubName: hubName(resolve(text(section, 'hubName') ?? DEFAULT_HUB_NAME)),
    maxConcurrentActivities: positive(section, 'maxConcurrentActivityFunctions'),
    maxConcurrentOrchestrators: positive(section, 'maxConcurrentOrchestratorFunctions'),
    maxActions: positive(section, 'maxOrchestrationActions') ?? DEFAULT_MAX_ACTIONS,
    overridable: oneOf(section, 'overridableExistingInstanceStates', STATES) ?? 'NonRunningStates',
    versions: {
      current: version === undefined || version === '' ? null : resolve(version),
      match: oneOf(section, 'versionMatchStrategy', MATCHES) ?? NO_VERSIONS.match,
      failure: oneOf(section, 'versionFailureStrategy', FAILURES) ?? NO_VERSIONS.failure,
    },
  };
}

/** https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-task-hubs#task-hub-names */
function hubName(name: string): string {
  if (/^[A-Za-z][A-Za-z0-9]{2,44}$/.test(name)) return name;
  throw new Error(
    `host.json: the hub name "${name}" must have 3 to 45 letters and digits, and begin with a letter.`,
  );
}

type Section = Readonly<Record<string, unknown>>;

function text(section: Section, name: string): string | undefined {
  const value = section[name] ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw new Error(`host.json: ${SECTION}.${name} must be a text.`);
}

/** The platform's reader of settings takes numbers and truth values as texts, too. */
function positive(section: Section, name: string): number | undefined {
  const value = section[name] ?? undefined;
  if (value === undefined) return undefined;
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (Number.isSafeInteger(number) && Number(number) > 0) return Number(number);
  throw new Error(`host.json: ${SECTION}.${name} must be a whole number above 0.`);
}

function flag(section: Section, name: string): boolean {
  const value = section[name] ?? false;
  const known = typeof value === 'string' ? value.toLowerCase() : value;
  if (known === true || known === 'true') return true;
  if (known === false || known === 'false') return false;
  throw new Error(`host.json: ${SECTION}.${name} must be true or false.`);
}

function oneOf<T extends string>(section: Section, name: string, values: readonly T[]): T | undefined {
  const value = text(section, name);
  if (value === undefined) return undefined;
  const found = values.find((known) => known.toLowerCase() === value.toLowerCase());
  if (found !== undefined) return found;
  throw new Error(`host.json: ${SECTION}.${name} must be one of ${values.join(', ')}.`);
}
