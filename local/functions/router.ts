import FindMyWay from 'find-my-way';
import type { AuthLevel } from './auth';
import { resolveSetting } from './host-json';
import type { BindingMetadata, FunctionMetadata } from './protocol';
import { compileRoute, WILDCARD, type CompiledRoute } from './route-template';
import { log } from '../shared/log';

export interface HttpRoute {
  name: string;
  authLevel: AuthLevel;
}

export interface RouteMatch {
  route: HttpRoute;
  params: Record<string, string>;
}

interface Target extends HttpRoute {
  compiled: CompiledRoute & { catchAll: string | undefined };
}

const METHODS = ['GET', 'POST', 'DELETE', 'HEAD', 'PATCH', 'PUT', 'OPTIONS', 'TRACE'] as const;
type Method = (typeof METHODS)[number];

/** Longer path parameters do not match (characters). */
const MAX_PARAMETER_LENGTH = 8_192;

/** The binding that makes a function run. */
export function triggerOf(fn: FunctionMetadata): BindingMetadata | undefined {
  return Object.values(fn.bindings).find((binding) => /trigger$/i.test(binding.type));
}

const TRIGGERS = /^(http|timer|activity|orchestration|cosmosdb|eventhub)trigger$/i;
const BINDINGS = /^(http|durableclient|orchestrationclient)$/i;
const OUTPUTS = /^(eventhub|cosmosdb|blob)$/i;

/** Whether the host writes what a function hands to this binding. */
export function isOutput({ type, direction }: BindingMetadata): boolean {
  return direction?.toLowerCase() === 'out' && OUTPUTS.test(type);
}

/**
 * The type of a binding of this function that the host does not implement, or undefined when it has them all.
 * Such a function does not run: what it sends through that binding would be lost without a word.
 */
export function unknownBinding(fn: FunctionMetadata): string | undefined {
  return Object.values(fn.bindings).find(
    (binding) => !TRIGGERS.test(binding.type) && !BINDINGS.test(binding.type) && !isOutput(binding),
  )?.type;
}

/**
 * The routes of an app's HTTP functions, matched without regard to case. A route that cannot be used is
 * logged with its function and left out; the others serve.
 */
export class Routes {
  private readonly router = FindMyWay({
    caseSensitive: false,
    ignoreTrailingSlash: true,
    maxParamLength: MAX_PARAMETER_LENGTH,
  });

  constructor(
    functions: readonly FunctionMetadata[],
    private readonly routePrefix: string,
    settings: Readonly<Record<string, string>>,
  ) {
    for (const fn of functions) {
      const trigger = triggerOf(fn);
      if (trigger?.type.toLowerCase() !== 'httptrigger') continue;
      try {
        this.add(fn.name, trigger, settings);
      } catch (error) {
        log('functions', `the route of "${fn.name}" cannot be used: ${(error as Error).message}`);
      }
    }
  }

  /** The function for a request, or undefined (the platform answers 404 then, also for another method). */
  find(method: string, path: string): RouteMatch | undefined {
    const known = METHODS.find((name) => name === method);
    const found = known && this.router.find(known, path);
    if (!found) return undefined;
    const target = found.store as Target;
    const params: Record<string, string> = { ...target.compiled.defaults };
    for (const [name, value] of Object.entries(found.params)) {
      if (value === undefined) continue;
      params[name === WILDCARD && target.compiled.catchAll !== undefined ? target.compiled.catchAll : name] =
        value;
    }
    for (const [name, checks] of Object.entries(target.compiled.checks)) {
      const value = params[name];
      if (value !== undefined && !checks.every((check) => check(value))) return undefined;
    }
    return { route: target, params };
  }

  private add(name: string, trigger: BindingMetadata, settings: Readonly<Record<string, string>>): void {
    const route = typeof trigger['route'] === 'string' ? trigger['route'] : name;
    const template = resolveSetting(route, settings).replace(/^\//, '');
    const compiled = compileRoute([this.routePrefix, template].filter((part) => part !== '').join('/'));
    const target: Target = { name, authLevel: authLevel(trigger['authLevel']), compiled };
    for (const method of methods(trigger['methods'])) {
      for (const path of compiled.paths) {
        if (this.router.hasRoute(method, path)) {
          log('functions', `"${name}": ${method} ${path} already belongs to another function`);
          continue;
        }
        this.router.on(method, path, () => undefined, target);
      }
    }
  }
}

function authLevel(value: unknown): AuthLevel {
  const level = typeof value === 'string' ? value.toLowerCase() : 'anonymous';
  if (level === 'anonymous' || level === 'function' || level === 'admin') return level;
  throw new Error(`authLevel "${level}" is unknown`);
}

function methods(value: unknown): Method[] {
  if (!Array.isArray(value) || value.length === 0) return [...METHODS];
  return value.map((item) => {
    const method = METHODS.find((name) => name === String(item).toUpperCase());
    if (!method) throw new Error(`the method "${String(item)}" is unknown`);
    return method;
  });
}
