import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Exchange {
  label: string;
  /** Milliseconds since the first exchange. */
  at: number;
  method: string;
  path: string;
  requestHeaders?: Record<string, string>;
  requestBody?: string;
  status: number;
  headers: Record<string, string>;
  body: unknown;
}

export interface RecordedCall {
  at: number;
  name: string;
  trigger: 'orchestration' | 'activity' | 'entity';
  instanceId?: string;
  payload: unknown;
  returned?: unknown;
  threw?: { message: string; state?: unknown };
}

export interface Recording {
  scenario: string;
  functions: Record<string, string>;
  http: Exchange[];
  calls: RecordedCall[];
}

export function readRecording(scenario: string): Recording {
  const file = join(__dirname, '..', 'golden', 'durable', `${scenario}.json`);
  return JSON.parse(readFileSync(file, 'utf8')) as Recording;
}

/** A recording that was made on the task hub of another one, right after it: with the exchanges that had filled that. */
export function onHubOf(before: Recording, label: string, recording: Recording): Recording {
  const filling = before.http.slice(0, before.http.findIndex((exchange) => exchange.label === label) + 1);
  const end = Math.max(...before.http.map(({ at }) => at), ...before.calls.map(({ at }) => at)) + 1;
  const later = <T extends { at: number }>(entries: T[]): T[] =>
    entries.map((entry) => ({ ...entry, at: entry.at + end }));
  return {
    scenario: recording.scenario,
    functions: { ...before.functions, ...recording.functions },
    http: [...filling, ...later(recording.http)],
    calls: [...before.calls, ...later(recording.calls)],
  };
}

const EXCEPTION = /\{"\$type":"System\.Exception.*?"WatsonBuckets":null\}/gs;
const TIME = /20(2[6-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)/g;
const GUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const GENERATED_ID = /\b[0-9a-f]{32}\b/g;
/** Set by .NET's JSON reader and runtime, which speak of positions and types of their own. */
const DOTNET_FIELDS = new Set(['ExceptionMessage', 'StackTrace']);

/** Replaces what differs from run to run: times, generated ids, serialized exceptions, .NET's own words. */
export function normalise(value: unknown): unknown {
  if (typeof value === 'string') {
    return value
      .replace(EXCEPTION, '<exception>')
      .replace(TIME, '<time>')
      .replace(GUID, '<guid>')
      .replace(GENERATED_ID, '<id>');
  }
  if (Array.isArray(value)) return value.map(normalise);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !DOTNET_FIELDS.has(key));
  return Object.fromEntries(entries.map(([key, inner]) => [key, normalise(inner)]));
}

/** The order of fields does not matter to anyone who reads JSON. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
