import { isObject, pointerOf, type Json, type JsonObject } from '../json';
import { filterFaults } from './filter';
import { secretFault } from './signature';
import { DEFAULT_IN_FLIGHT, MAX_IN_FLIGHT, type Subscription } from './subscription';
import { urlFault } from './url';

export const MAX_DESCRIPTION_LENGTH = 500;
export const MAX_DATASETS = 50;
/** requests a second */
export const MAX_RATE = 10_000;

/** What the owner of a subscription decides. */
export type SubscriptionSettings = Pick<
  Subscription,
  'url' | 'datasets' | 'filter' | 'description' | 'rateLimit' | 'maxInFlight' | 'alertUrl'
>;

/** One thing that is wrong with a request's body. */
export interface SettingFault {
  /** JSON Pointer into the body */
  readonly pointer: string;
  readonly message: string;
}

/** What settings are held against. */
export interface SettingRules {
  readonly datasets: ReadonlyMap<string, unknown>;
  /** Allow `http:` and addresses that are not public. */
  readonly allowLocal: boolean;
}

type Check = (value: Json, at: readonly string[], rules: SettingRules) => readonly SettingFault[];

const fault = (at: readonly string[], message: string): SettingFault[] => [
  { pointer: pointerOf(at), message },
];

const checkUrl: Check = (value, at, { allowLocal }) => {
  if (typeof value !== 'string') return fault(at, 'It must be a string.');
  const message = urlFault(value, allowLocal);
  return message === undefined ? [] : fault(at, message);
};

const checkDatasets: Check = (value, at, { datasets }) => {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_DATASETS)
    return fault(at, `It must be an array of 1 to ${MAX_DATASETS} names of data sets.`);
  return value.flatMap((name, index) =>
    typeof name === 'string' && datasets.has(name)
      ? []
      : fault(
          [...at, String(index)],
          `There is no such data set. There are: ${[...datasets.keys()].join(', ')}.`,
        ),
  );
};

const checkFilter: Check = (value, at) =>
  filterFaults(value).map(({ pointer, message }) => ({ pointer: pointerOf(at) + pointer, message }));

const checkDescription: Check = (value, at) =>
  typeof value === 'string' && value.length <= MAX_DESCRIPTION_LENGTH && value.isWellFormed()
    ? []
    : fault(at, `It must be a string of at most ${MAX_DESCRIPTION_LENGTH} characters, well-formed Unicode.`);

const whole =
  (maximum: number): Check =>
  (value, at) =>
    Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= maximum
      ? []
      : fault(at, `It must be a whole number from 1 to ${maximum}.`);

const checkSecret: Check = (value, at) => {
  if (typeof value !== 'string') return fault(at, 'It must be a string.');
  const message = secretFault(value);
  return message === undefined ? [] : fault(at, message);
};

const CHECKS = {
  url: checkUrl,
  datasets: checkDatasets,
  filter: checkFilter,
  description: checkDescription,
  rateLimit: whole(MAX_RATE),
  maxInFlight: whole(MAX_IN_FLIGHT),
  alertUrl: checkUrl,
} satisfies Record<keyof SubscriptionSettings, Check>;

const REQUIRED: readonly string[] = ['url', 'datasets'];

/** What is wrong with the body of a new subscription; empty when nothing is. */
export function creationFaults(body: JsonObject, rules: SettingRules): readonly SettingFault[] {
  return memberFaults(body, body, { ...CHECKS, secret: checkSecret }, rules);
}

/**
 * What is wrong with a merge patch of a subscription. What it does not name is not looked at again: a data set may be
 * gone since.
 * @param merged the settings with the patch applied
 */
export function patchFaults(
  patch: JsonObject,
  merged: JsonObject,
  rules: SettingRules,
): readonly SettingFault[] {
  return memberFaults(patch, merged, CHECKS, rules);
}

function memberFaults(
  given: JsonObject,
  settings: JsonObject,
  checks: Readonly<Record<string, Check>>,
  rules: SettingRules,
): readonly SettingFault[] {
  const faults: SettingFault[] = [];
  for (const name of Object.keys(given)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (!check) {
      const why = name === 'secret' ? 'Secrets are changed by rotate-secret only' : 'There is no such member';
      faults.push(...fault([name], `${why}; allowed are ${Object.keys(checks).join(', ')}.`));
    } else if (Object.hasOwn(settings, name)) {
      faults.push(...check(settings[name] as Json, [name], rules));
    }
  }
  for (const name of REQUIRED)
    if (!Object.hasOwn(settings, name)) faults.push(...fault([name], 'It is required.'));
  return faults;
}

/** Settings that were found good, each data set once, with the default of what was left out. */
export function toSettings(body: JsonObject): SubscriptionSettings {
  const { url, datasets, filter, description, rateLimit, maxInFlight, alertUrl } = body;
  return {
    url: url as string,
    datasets: [...new Set(datasets as string[])],
    filter: isObject(filter) ? filter : undefined,
    description: description as string | undefined,
    rateLimit: rateLimit as number | undefined,
    maxInFlight: (maxInFlight as number | undefined) ?? DEFAULT_IN_FLIGHT,
    alertUrl: alertUrl as string | undefined,
  };
}

/** The settings of a subscription as a body would have them: without what is not set. */
export function settingsOf(subscription: Subscription): JsonObject {
  const { url, datasets, filter, description, rateLimit, maxInFlight, alertUrl } = subscription;
  const all: Record<string, Json | undefined> = {
    url,
    datasets: [...datasets],
    filter,
    description,
    rateLimit,
    maxInFlight,
    alertUrl,
  };
  const settings: JsonObject = {};
  for (const [name, value] of Object.entries(all)) if (value !== undefined) settings[name] = value;
  return settings;
}
