import { Module } from 'node:module';
import type { FunctionMetadata, Output, OutputData, TypedData, RetryContext } from './protocol';

/**
 * The module `@azure/functions-core`, which the platform's Node worker injects before it loads an app, and
 * through which `@azure/functions` registers everything:
 * https://github.com/Azure/azure-functions-nodejs-worker/tree/v4.x/types-core
 */

export type Callback = (...args: unknown[]) => unknown;
export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical' | 'none';

export interface InvocationRequest {
  invocationId: string;
  inputData: { name: string; data: TypedData }[];
  triggerMetadata?: Record<string, TypedData>;
  retryContext?: RetryContext;
}

export interface CoreInvocationContext {
  invocationId: string;
  request: InvocationRequest;
  metadata: FunctionMetadata;
  state?: 'preInvocationHooks' | 'postInvocationHooks' | 'invocation';
  log(level: LogLevel, category: string, message: string): void;
}

export interface InvocationModel {
  getArguments(): Promise<{ context: object; inputs: unknown[] }>;
  invokeFunction(context: object, inputs: unknown[], handler: Callback): Promise<unknown>;
  getResponse(
    context: object,
    result: unknown,
  ): Promise<{ returnValue?: OutputData | null; outputData?: Output[] }>;
}

export interface ProgrammingModel {
  getInvocationModel(context: CoreInvocationContext): InvocationModel;
  getCapabilities(capabilities: Record<string, string>): Promise<Record<string, string>>;
}

export interface RegisteredFunction {
  metadata: FunctionMetadata;
  callback: Callback;
  /** Name of the trigger binding. */
  trigger: string;
  /** Names of the input bindings that hold a Durable client. */
  durableClients: string[];
}

const HOOKS = ['preInvocation', 'postInvocation', 'appStart', 'appTerminate', 'log'] as const;
export type HookName = (typeof HOOKS)[number];

/** The SDK offers HTTP streams and log hooks from these versions on. */
const WORKER_VERSION = '3.13.0';
const HOST_VERSION = '4.1045.200';

class SystemError extends Error {
  readonly isAzureFunctionsSystemError = true;
}

class SystemRangeError extends RangeError {
  readonly isAzureFunctionsSystemError = true;
}

class Disposable {
  constructor(private callback: (() => void) | undefined) {}

  static from(...items: { dispose(): unknown }[]): Disposable {
    return new Disposable(() => items.forEach((item) => item.dispose()));
  }

  dispose(): void {
    this.callback?.();
    this.callback = undefined;
  }
}

/** Everything an app registers while it is loaded. */
export class AppRegistry {
  /** By lower-case name: the platform ignores case. */
  readonly functions = new Map<string, RegisteredFunction>();
  readonly hooks: Record<HookName, Callback[]> = {
    preInvocation: [],
    postInvocation: [],
    appStart: [],
    appTerminate: [],
    log: [],
  };
  model: ProgrammingModel | undefined;
  /** Set once the app has been loaded: later registrations are refused, as the platform does. */
  locked = false;

  constructor(private readonly write: (level: LogLevel, message: string) => void) {}

  /** @throws {SystemError} for a second function of the same name, or after the app has started. */
  register(metadata: FunctionMetadata, callback: Callback): Disposable {
    if (this.locked) throw new SystemError('A function can only be registered during app startup.');
    const key = metadata.name.toLowerCase();
    if (this.functions.has(key)) {
      throw new SystemError(`A function named "${metadata.name}" has already been registered.`);
    }
    const bindings = Object.entries(metadata.bindings);
    const named = (pattern: RegExp): string[] =>
      bindings.filter(([, { type }]) => pattern.test(type)).map(([name]) => name);
    this.functions.set(key, {
      metadata,
      callback,
      trigger: named(/trigger$/i)[0] ?? '',
      durableClients: named(/^(durableclient|orchestrationclient)$/i),
    });
    return new Disposable(() => this.functions.delete(key));
  }

  registerHook(name: string, callback: Callback): Disposable {
    const hooks = HOOKS.find((known) => known === name);
    if (!hooks) throw new SystemRangeError(`Unrecognized hook "${name}"`);
    const list = this.hooks[hooks];
    list.push(callback);
    return new Disposable(() => void list.splice(list.indexOf(callback), 1));
  }

  async runHooks(name: HookName, context: object): Promise<void> {
    for (const hook of this.hooks[name]) await hook(context);
  }

  log(level: LogLevel, category: string, message: string, invocationContext?: object): void {
    const entry = { level, message, category, invocationContext, hookData: {} };
    for (const hook of this.hooks.log) hook(entry);
    this.write(entry.level, entry.message);
  }
}

/** Makes `require('@azure/functions-core')` answer with `registry`, wherever it is called from. */
export function injectCoreApi(registry: AppRegistry): void {
  const core = {
    version: WORKER_VERSION,
    hostVersion: HOST_VERSION,
    Disposable,
    registerFunction: registry.register.bind(registry),
    registerHook: registry.registerHook.bind(registry),
    setProgrammingModel: (model: ProgrammingModel) => void (registry.model = model),
    getProgrammingModel: () => registry.model,
    log: registry.log.bind(registry),
  };
  const prototype = Module.prototype as unknown as { require: (this: unknown, id: string) => unknown };
  const original = prototype.require;
  prototype.require = function (id) {
    return id === '@azure/functions-core' ? core : original.call(this, id);
  };
}
