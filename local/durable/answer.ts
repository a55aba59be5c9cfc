/** A request as the functions host hands it over, after it has checked the key. */
export interface DurableRequest {
  method: string;
  /** With its escapes, without the query. */
  path: string;
  query: URLSearchParams;
  /** Names in lower case. */
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
  /** Scheme and host of the request, e.g. `http://127.0.0.1:7071`. */
  origin: string;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };
export function empty(status: number): Answer {
  return { status, headers: {}, body: '' };
}

export function json(status: number, body: string, headers: Record<string, string> = {}): Answer {
  return { status, headers: { ...JSON_TYPE, ...headers }, body };
}

export function problem(status: number, message: string, details: Record<string, string> = {}): Answer {
  return json(status, JSON.stringify({ Message: message, ...details }));
}

/** .NET's `bool.TryParse`; what it does not know is ignored. */
export function flag(query: URLSearchParams, name: string): boolean | undefined {
  const value = query.get(name)?.trim().toLowerCase();
  return value === 'true' ? true : value === 'false' ? false : undefined;
}
