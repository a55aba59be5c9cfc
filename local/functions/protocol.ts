import type { EpisodeMessage, EpisodeReply } from '../durable/runner';

/**
 * What the host process and its workers say to each other over `child_process` IPC with
 * `serialization: 'advanced'` (so bytes travel as bytes). All triggers use one message kind,
 * {@link Invocation}, and one answer, {@link InvocationReply}; all messages of one turn of the event loop
 * travel in one array, since the cost of IPC is per send.
 *
 * The data types are those of the Functions worker protocol, which `@azure/functions` reads and writes:
 * https://github.com/Azure/azure-functions-language-worker-protobuf
 */
export type TypedData =
  | { string: string }
  | { json: string }
  | { bytes: Uint8Array }
  | { int: number }
  | { double: number }
  | { http: HttpRequestData }
  | { collectionBytes: { bytes: Uint8Array[] } }
  | { collectionString: { string: string[] } };

export interface HttpRequestData {
  method: string;
  url: string;
  headers: Record<string, string>;
  params: Record<string, string>;
  query: Record<string, string>;
  body: { bytes: Uint8Array } | null;
}

export interface HttpResponseData {
  statusCode?: string;
  headers?: Record<string, string>;
  cookies?: HttpCookieData[];
  body?: { bytes: Uint8Array } | { string: string } | null;
}

export interface HttpCookieData {
  name: string;
  value: string;
  domain?: { value: string };
  path?: { value: string };
  expires?: { value: { seconds: number } };
  secure?: { value: boolean };
  httpOnly?: { value: boolean };
  sameSite?: 'none' | 'lax' | 'strict' | 'explicitNone';
  maxAge?: { value: number };
}

/** What an output binding or the return value of a function carries back. */
export type OutputData =
  | { string: string }
  | { json?: string }
  | { bytes: Uint8Array }
  | { int: number }
  | { double: number }
  | { http: HttpResponseData };

export interface RetryContext {
  retryCount: number;
  maxRetryCount: number;
}

/** {@link TypedData} of the kind `json`, as UTF-8: the worker makes text of it, which the SDK parses. */
export interface JsonBytes {
  utf8: Uint8Array;
}

/** One call of a function. */
export interface Invocation {
  /** Unique per worker process; echoed by the reply. */
  id: number;
  /** The function's registered name. */
  name: string;
  /** What the function knows it by; default: one that the worker makes. */
  invocationId?: string;
  /** The trigger's value, or an episode of the durable engine. */
  trigger: TypedData | JsonBytes | { episode: EpisodeMessage };
  /** Trigger metadata, e.g. partition context of an event hub. */
  metadata?: Record<string, TypedData>;
  retry?: RetryContext;
}

/** What one output binding is to store. */
export interface Output {
  /** Of the binding. */
  name: string;
  data: OutputData;
}

export interface InvocationError {
  name: string;
  message: string;
  stack: string;
}

export type InvocationReply =
  | {
      id: number;
      ok: true;
      returned: OutputData | { episode: EpisodeReply } | null;
      /** What the function handed to its output bindings, if anything. */
      outputs?: Output[];
    }
  | { id: number; ok: false; error: InvocationError };

export interface BindingMetadata {
  type: string;
  direction?: string;
  [option: string]: unknown;
}

/** A function as the app registered it (`FunctionMetadata` of the worker protocol). */
export interface FunctionMetadata {
  name: string;
  bindings: Record<string, BindingMetadata>;
  retryOptions?: {
    retryStrategy?: string;
    maxRetryCount?: number;
    delayInterval?: { seconds?: number };
    minimumInterval?: { seconds?: number };
    maximumInterval?: { seconds?: number };
  };
}

export interface LoadOptions {
  appDir: string;
  /** Value of every `durableClient` input binding. */
  durableClientData: string | null;
  maxKeptGenerators: number;
}

/** Host → worker. */
export type ToWorker = { type: 'load'; options: LoadOptions } | { type: 'stop' } | Invocation[];

/** What a worker found when it loaded the app. */
export interface LoadedApp {
  functions: FunctionMetadata[];
  capabilities: Record<string, string>;
  /** Identity of the built files; another value means other code. */
  build: string;
}

/** Worker → host. */
export type FromWorker =
  ({ type: 'loaded' } & LoadedApp) | { type: 'failed'; message: string } | InvocationReply[];
