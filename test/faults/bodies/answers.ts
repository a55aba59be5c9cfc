import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Api } from '../../../tools/lib/api';
import { APP_DIR } from '../../../tools/lib/app';
import { tableIn } from '../../support/markdown';
import type { Sent } from './meaning';

/** An answer without end is a hang. */
const HANGS_AFTER_MS = 60_000;

/** Longest problem document: a refusal must not send a long body back. */
const MAX_PROBLEM_BYTES = 16 * 1024;

/** Statuses by code, as docs/errors.md has them; a unit test holds that page against the code. */
const STATUSES: ReadonlyMap<string, number> = new Map(
  tableIn(readFileSync(join(APP_DIR, 'docs', 'errors.md'), 'utf8'), 'Code').map(({ Code = '', Status }) => [
    Code.replaceAll('`', ''),
    Number(Status),
  ]),
);

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** undefined when it is no JSON */
  readonly json: unknown;
  readonly text: string;
  readonly ms: number;
}

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly body?: Sent & { readonly streamed?: boolean };
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends a body as it is. @throws when the connection is cut, or nothing is answered for a minute */
export async function send(api: Api, { method, path, body, headers }: Request): Promise<Answer> {
  const all = new Headers(headers);
  if (body?.contentType !== undefined) all.set('Content-Type', body.contentType);
  if (body?.contentEncoding !== undefined) all.set('Content-Encoding', body.contentEncoding);
  const started = performance.now();
  const response = await api.request(path, {
    method,
    headers: all,
    signal: AbortSignal.timeout(HANGS_AFTER_MS),
    ...(body ? payloadOf(body) : {}),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    json: jsonOf(text),
    text,
    ms: performance.now() - started,
  };
}

function payloadOf({ bytes, streamed }: NonNullable<Request['body']>): RequestInit {
  // A copy: the same bytes may be sent twice, and a stream takes its chunks away.
  return streamed ? { body: streamOf(Buffer.from(bytes)), duplex: 'half' } : { body: new Uint8Array(bytes) };
}

/** In five pieces, cut wherever it comes. */
function streamOf(bytes: Buffer): ReadableStream<Uint8Array> {
  const step = Math.ceil(bytes.length / 5) || 1;
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at < bytes.length) controller.enqueue(new Uint8Array(bytes.subarray(at, at + step)));
      else controller.close();
      at += step;
    },
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a refusal is counted as. */
export function labelOf({ status, json }: Answer): string {
  const code = (json as { code?: unknown } | undefined)?.code;
  return status >= 400 && typeof code === 'string' ? code : String(status);
}

/** What is wrong with an answer, whatever was asked: one that is neither a success nor a documented problem. */
export function answerFaults({ status, headers, json, text }: Answer): string[] {
  if (status >= 200 && status < 300) return json === undefined ? ['The answer is no JSON.'] : [];
  const faults: string[] = [];
  const problem = (json ?? {}) as { code?: unknown; status?: unknown; detail?: unknown; title?: unknown };
  const type = headers.get('content-type');
  if (status >= 500 || status < 400) faults.push(`The status is ${status}: ${text.slice(0, 300)}`);
  if (type !== 'application/problem+json') faults.push(`A refusal has the content type ${type}.`);
  const code = String(problem.code);
  if (STATUSES.get(code) !== status) faults.push(`The code ${code} does not belong to the status ${status}.`);
  if (problem.status !== status)
    faults.push(`The document says ${String(problem.status)}, the status is ${status}.`);
  if (typeof problem.detail !== 'string' || typeof problem.title !== 'string')
    faults.push('It says not what is wrong.');
  if (text.length > MAX_PROBLEM_BYTES) faults.push(`The problem document is ${text.length} characters long.`);
  if (/\bat .+:\d+:\d+/.test(text)) faults.push('The problem document holds a stack.');
  return faults;
}

/** As {@link answerFaults}, for a refusal that must have one of these codes. */
export function refusalFaults(answer: Answer, codes: readonly string[]): string[] {
  const faults = answerFaults(answer);
  const label = labelOf(answer);
  if (faults.length > 0 || codes.includes(label)) return faults;
  const expected = codes.length > 0 ? codes.join(' or ') : 'no refusal';
  return [`It was answered ${label}, expected ${expected}: ${answer.text.slice(0, 300)}`];
}
