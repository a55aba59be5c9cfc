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
