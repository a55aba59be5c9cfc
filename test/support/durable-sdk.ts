import { Module } from 'node:module';
import type * as DurableFunctions from 'durable-functions';

/** What `@azure/functions` needs of the module that the platform's worker injects into an app's process. */
export interface RegisteredFunction {
  metadata: { name: string; bindings: Record<string, { type: string }> };
  callback: (...args: unknown[]) => unknown;
}

interface Model {
  getInvocationModel(context: object): {
    getArguments(): Promise<{ context: object; inputs: unknown[] }>;
    invokeFunction(
      context: object,
      inputs: unknown[],
      handler: RegisteredFunction['callback'],
    ): Promise<unknown>;
    getResponse(context: object, result: unknown): Promise<{ returnValue?: TypedValue | null }>;
  };
}

/** A value as it travels between the platform's host and its worker. */
export interface TypedValue {
  string?: string;
  json?: string;
  int?: number;
  double?: number;
}

export const functions = new Map<string, RegisteredFunction>();
let model: Model | undefined;

export const core = {
  version: '3.13.0',
  hostVersion: '4.1045.200',
  Disposable: class {
    dispose(): void {}
  },
  registerFunction(
    metadata: RegisteredFunction['metadata'],
    callback: RegisteredFunction['callback'],
  ): object {
    functions.set(metadata.name.toLowerCase(), { metadata, callback });
    return { dispose: () => undefined };
  },
  registerHook: () => ({ dispose: () => undefined }),
  setProgrammingModel: (value: Model) => void (model = value),
  getProgrammingModel: () => model,
  log: () => undefined,
};

/** Loads `durable-functions` so that it registers its functions in {@link functions}. */
export function loadSdk(): typeof DurableFunctions {
  if (typeof jest === 'undefined') {
    const prototype = Module.prototype as unknown as { require: (this: unknown, id: string) => unknown };
    const original = prototype.require;
    prototype.require = function (id) {
      return id === '@azure/functions-core' ? core : original.call(this, id);
    };
  } else {
    jest.doMock('@azure/functions-core', () => core, { virtual: true });
  }
  return require('durable-functions') as typeof DurableFunctions;
}

export type Outcome =
  { ok: true; returned: TypedValue | null; context: object } | { ok: false; error: unknown; context: object };

let invocations = 0;

/** Runs a registered function through the SDK's whole pipeline. */
export async function invoke(name: string, trigger: TypedValue): Promise<Outcome> {
  const found = functions.get(name.toLowerCase());
  if (!found || !model) throw new Error(`There is no function ${name}.`);
  const triggerName = Object.entries(found.metadata.bindings).find(([, { type }]) =>
    /trigger$/i.test(type),
  )?.[0];
  const invocationId = String(++invocations);
  const inputData = [{ name: triggerName, data: trigger }];
  const run = model.getInvocationModel({
    invocationId,
    metadata: found.metadata,
    request: { invocationId, inputData, triggerMetadata: {} },
    log: () => undefined,
  });
  const { context, inputs } = await run.getArguments();
  try {
    const result = await run.invokeFunction(context, inputs, found.callback);
    const { returnValue } = await run.getResponse(context, result);
    return { ok: true, returned: returnValue ?? null, context };
  } catch (error) {
    return { ok: false, error, context };
  }
}

/** The JSON text of what a function returned; null for nothing. */
export function toJsonText(value: TypedValue | null): string | null {
  if (value === null) return null;
  if (value.json !== undefined) return value.json;
  return JSON.stringify(value.string ?? value.int ?? value.double) ?? null;
}
