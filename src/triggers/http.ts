import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import { Problem, problems } from '../domain/problem';

export type Handler = (request: HttpRequest, context: InvocationContext) => Promise<HttpResponseInit>;

/** Errors of the network and of stores that are down: the request may be repeated as it is. */
const UNAVAILABLE = new Set<unknown>([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'REQUEST_SEND_ERROR',
  'TimeoutError',
  503,
  429,
  408,
]);

function toProblem(error: unknown, context: InvocationContext): Problem {
  if (error instanceof Problem) return error;
  const { code, statusCode, message } = error as { code?: unknown; statusCode?: unknown; message?: unknown };
  // The stack only: the SDKs' errors carry whole requests.
  context.error(`${context.functionName} failed: ${error instanceof Error ? error.stack : String(error)}`);
  if (UNAVAILABLE.has(code) || UNAVAILABLE.has(statusCode)) {
    return new Problem(
      'store-unavailable',
      `A store did not answer (${String(code ?? statusCode)}). Send the request again.`,
      {},
      { 'Retry-After': '5' },
    );
  }
  const hint = typeof message === 'string' ? 'The log has the cause under this invocation id.' : '';
  return new Problem('internal-error', `The request failed. ${hint}`.trim(), {
    invocationId: context.invocationId,
  });
}

/** Answers a refusal as `application/problem+json` (RFC 9457), and anything unexpected as one too. */
export function answering(handler: Handler): Handler {
  return async (request, context) => {
    try {
      return await handler(request, context);
    } catch (error) {
      const problem = toProblem(error, context);
      return {
        status: problems[problem.code].status,
        headers: { 'Content-Type': 'application/problem+json', ...problem.headers },
        body: JSON.stringify(problem.toDocument()),
      };
    }
  };
}

/** A JSON answer. */
export function json(status: number, value: unknown, headers: Record<string, string> = {}): HttpResponseInit {
  return {
    status,
    headers: { 'Content-Type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(value),
  };
}

/** A page of a list: every list of the API has this form. */
export function page(value: readonly unknown[], nextLink?: string): HttpResponseInit {
  return json(200, nextLink === undefined ? { value } : { value, nextLink });
}

/** The URL of the app's API as the caller sees it, without a slash at the end; the route prefix belongs to it. */
export function apiBase(request: HttpRequest): string {
  const url = new URL(request.url);
  const end = url.pathname.search(/\/(datasets|batches|records|subscriptions)(\/|$)/);
  return url.origin + (end === -1 ? '' : url.pathname.slice(0, end));
}

/**
 * A whole number among the query's parameters.
 * @throws Problem `invalid-parameter`
 */
export function integerParameter(
  request: HttpRequest,
  name: string,
  fallback: number,
  maximum: number,
): number {
  const text = request.query.get(name);
  if (text === null) return fallback;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1 && value <= maximum) return value;
  throw new Problem('invalid-parameter', `"${name}" must be a whole number from 1 to ${maximum}.`, {
    parameter: name,
  });
}

/**
 * One of a few words among the query's parameters.
 * @throws Problem `invalid-parameter`
 */
export function choiceParameter<T extends string>(
  request: HttpRequest,
  name: string,
  choices: readonly T[],
): T | undefined {
  const text = request.query.get(name);
  if (text === null) return undefined;
  const value = choices.find((choice) => choice === text);
  if (value !== undefined) return value;
  throw new Problem('invalid-parameter', `"${name}" must be one of ${choices.join(', ')}.`, {
    parameter: name,
  });
}
