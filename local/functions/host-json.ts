import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readEventHubsSettings, type EventHubsSettings } from './event-hub-options';
import { readDurableSettings, type DurableSettings } from '../durable';
import { log } from '../shared/log';

/** What the host reads from host.json: https://learn.microsoft.com/azure/azure-functions/functions-host-json */
export interface HostSettings {
  /** Without slashes at its ends; may be empty. */
  routePrefix: string;
  /** More requests under way than this are answered 429; -1 for no limit. */
  maxOutstandingRequests: number;
  durable: DurableSettings;
  eventHubs: EventHubsSettings;
  functionTimeoutMs: number | null;
}

/** https://learn.microsoft.com/azure/azure-functions/functions-host-json#functiontimeout */
const DEFAULT_FUNCTION_TIMEOUT_MS = 5 * 60_000;

/**
 * @param settings what `%NAME%` in it stands for
 * @throws when host.json is no valid JSON or holds a value of the wrong kind. A missing file means defaults.
 */
export function readHostJson(appDir: string, settings: Readonly<Record<string, string>> = {}): HostSettings {
  const file = join(appDir, 'host.json');
  let root: Record<string, unknown> = {};
  try {
    root = object(JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, '')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
    }
  }
  const extensions = object(root['extensions']);
  const http = object(extensions['http']);
  return {
    routePrefix: text(http['routePrefix'] ?? 'api', 'extensions.http.routePrefix').replace(/^\/+|\/+$/g, ''),
    maxOutstandingRequests:
      integer(http['maxOutstandingRequests'], 'extensions.http.maxOutstandingRequests') ?? -1,
    durable: readDurableSettings(object(extensions['durableTask']), (value) =>
      resolveSetting(value, settings),
    ),
    eventHubs: readEventHubsSettings(object(extensions['eventHubs'])),
    functionTimeoutMs: functionTimeout(root['functionTimeout']),
  };
}

/**
 * `Values` of local.settings.json: the app's settings on a developer's machine. A missing file means none.
 * @throws when the file is no valid JSON, or is encrypted.
 */
export function readLocalSettings(appDir: string): Record<string, string> {
  const file = join(appDir, 'local.settings.json');
  let content: string;
  try {
    content = readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  let root: Record<string, unknown>;
  try {
    root = object(JSON.parse(content));
  } catch (error) {
    throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  if (root['IsEncrypted'] === true) throw new Error(`${file} is encrypted: only plain settings can be read.`);
  const settings: Record<string, string> = {};
  for (const [name, value] of Object.entries(object(root['Values']))) {
    if (['string', 'number', 'boolean'].includes(typeof value)) settings[name] = String(value);
    else log('functions', `local.settings.json: "${name}" is no text and is ignored`);
  }
  return settings;
}

/** Replaces `%NAME%` by the setting of that name, as binding expressions do. */
export function resolveSetting(value: string, settings: Readonly<Record<string, string>>): string {
  return value.replace(/%([^%]+)%/g, (whole, name: string) => settings[name] ?? whole);
}

/** A .NET TimeSpan, `[d.]hh:mm:ss[.fffffff]`, in milliseconds; undefined when it is none. */
export function parseTimeSpan(value: string): number | undefined {
  const match = /^(?:(\d+)\.)?(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,7})?)?$/.exec(value);
  if (!match) return undefined;
  const [, days = '0', hours = '0', minutes = '0', seconds = '0', fraction = '0'] = match;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const whole = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
  return Math.round((whole + Number(fraction)) * 1000);
}

function functionTimeout(value: unknown): number | null {
  if (value === undefined || value === null) return DEFAULT_FUNCTION_TIMEOUT_MS;
  if (value === '-1' || value === -1) return null;
  const time = typeof value === 'string' ? parseTimeSpan(value) : undefined;
  if (!time) throw new Error(`host.json: functionTimeout must be a time such as "00:05:00" or "-1".`);
  return time;
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new Error(`host.json: ${name} must be a text.`);
  return value;
}

function integer(value: unknown, name: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Number.isInteger(value)) throw new Error(`host.json: ${name} must be a whole number.`);
  return value as number;
}
