/**
 * Route templates as the platform takes them, which are ASP.NET Core's:
 * https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates
 * Supported: literals, `{name}`, `{name:constraint:…}`, `{name?}`, `{name=default}`, `{*rest}`, `{**rest}`,
 * and several parameters in one segment.
 */

export interface CompiledRoute {
  /** Paths for `find-my-way`, with and without the optional end. */
  paths: string[];
  defaults: Record<string, string>;
  /** Checks that are no regular expression, by parameter. */
  checks: Record<string, ((value: string) => boolean)[]>;
}

interface Parameter {
  name: string;
  catchAll: boolean;
  optional: boolean;
  fallback: string | undefined;
  constraints: string[];
}

const SIMPLE: Record<string, string> = {
  alpha: '[a-zA-Z]+',
  bool: '[tT][rR][uU][eE]|[fF][aA][lL][sS][eE]',
  int: '-?\\d{1,10}',
  long: '-?\\d{1,19}',
  decimal: '-?\\d+(?:\\.\\d+)?',
  double: '-?\\d+(?:\\.\\d+)?(?:[eE][+-]?\\d+)?',
  float: '-?\\d+(?:\\.\\d+)?(?:[eE][+-]?\\d+)?',
  guid: '\\{?[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}\\}?',
};

/** The catch-all of `find-my-way` has this parameter name. */
export const WILDCARD = '*';

/** @throws when the template is malformed or names an unknown constraint. */
export function compileRoute(template: string): CompiledRoute & { catchAll: string | undefined } {
  const segments = splitSegments(template.replace(/^[~/]+|\/+$/g, ''));
  const defaults: Record<string, string> = {};
  const checks: CompiledRoute['checks'] = {};
  let catchAll: string | undefined;
  let required = 0;
  const compiled = segments.map((segment, index) => {
    const parts = parseSegment(segment);
    const last = index === segments.length - 1;
    const [first] = parts;
    const alone = parts.length === 1 && typeof first === 'object' ? first : undefined;
    for (const part of parts) {
      if (typeof part === 'string') continue;
      if (part.catchAll && !(alone && last)) throw new Error('a catch-all must be the last segment');
      if (part.fallback !== undefined) defaults[part.name] = part.fallback;
      const list = part.constraints.flatMap(check);
      if (list.length > 0) checks[part.name] = list;
    }
    if (alone?.catchAll) {
      catchAll = alone.name;
      return WILDCARD;
    }
    if (!(alone && (alone.optional || alone.fallback !== undefined))) required = index + 1;
    return parts.map((part) => (typeof part === 'string' ? escapeLiteral(part) : pattern(part))).join('');
  });
  const paths: string[] = [];
  for (
    let length = catchAll === undefined ? compiled.length : compiled.length - 1;
    length >= required;
    length--
  ) {
    paths.push(`/${compiled.slice(0, length).join('/')}`);
  }
  if (catchAll !== undefined) paths.unshift(`/${compiled.join('/')}`);
  return { paths, defaults, checks, catchAll };
}

/** Splits at the slashes that are not within braces (a `regex` constraint may hold one). */
function splitSegments(template: string): string[] {
  if (template === '') return [];
  const segments = [''];
  let depth = 0;
  for (const character of template) {
    if (character === '{') depth++;
    if (character === '}') depth--;
    if (character === '/' && depth === 0) segments.push('');
    else segments[segments.length - 1] += character;
  }
  if (depth !== 0) throw new Error('its braces do not match');
  return segments;
}

function parseSegment(segment: string): (string | Parameter)[] {
  const parts: (string | Parameter)[] = [];
  let rest = segment;
  while (rest !== '') {
    const open = rest.indexOf('{');
    if (open !== 0) {
      parts.push(open < 0 ? rest : rest.slice(0, open));
      rest = open < 0 ? '' : rest.slice(open);
      continue;
    }
    const close = matchingBrace(rest);
    parts.push(parseParameter(rest.slice(1, close)));
    rest = rest.slice(close + 1);
  }
  if (parts.length === 0) throw new Error('it has an empty segment');
  return parts;
}

function matchingBrace(text: string): number {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '{') depth++;
    if (text[i] === '}' && --depth === 0) return i;
  }
  throw new Error('its braces do not match');
}

function parseParameter(text: string): Parameter {
  const match =
    /^(\*{0,2})([A-Za-z_][\w-]*)((?::(?:[^:=?()]+(?:\(.*?\)(?=[:=?]|$))?))*)(\?)?(?:=(.*))?$/.exec(text);
  if (!match) throw new Error(`"{${text}}" is no parameter`);
  const [, stars = '', name = '', constraints = '', optional, fallback] = match;
  return {
    name,
    catchAll: stars !== '',
    optional: optional === '?',
    fallback,
    constraints: constraints.match(/:[^:()]+(?:\(.*?\)(?=:|$))?/g)?.map((item) => item.slice(1)) ?? [],
  };
}

function pattern(parameter: Parameter): string {
  for (const constraint of parameter.constraints) {
    const simple = SIMPLE[constraint];
    if (simple) return `:${parameter.name}(^(?:${simple})$)`;
  }
  return `:${parameter.name}`;
}

/** Constraints beyond a plain pattern become checks after the match. */
function check(constraint: string): ((value: string) => boolean)[] {
  if (SIMPLE[constraint] || constraint === 'required') return [];
  if (constraint === 'datetime') return [(value) => !Number.isNaN(Date.parse(value))];
  const match = /^(\w+)\((.*)\)$/.exec(constraint);
  const [, kind = '', argument = ''] = match ?? [];
  if (kind === 'regex') {
    const expression = new RegExp(argument, 'i');
    return [(value) => expression.test(value)];
  }
  const numbers = argument.split(',').map(Number);
  const [first = Number.NaN, second = first] = numbers;
  if (!match || numbers.some(Number.isNaN)) throw new Error(`the constraint "${constraint}" is unknown`);
  const whole = (value: string): boolean => /^-?\d+$/.test(value);
  const checks: Record<string, (value: string) => boolean> = {
    length: (value) => value.length >= first && value.length <= second,
    minlength: (value) => value.length >= first,
    maxlength: (value) => value.length <= first,
    min: (value) => whole(value) && Number(value) >= first,
    max: (value) => whole(value) && Number(value) <= first,
    range: (value) => whole(value) && Number(value) >= first && Number(value) <= second,
  };
  const found = checks[kind];
  if (!found) throw new Error(`the constraint "${constraint}" is unknown`);
  return [found];
}

/** `:` and `*` mean something to the router. */
function escapeLiteral(text: string): string {
  if (text.includes('*')) throw new Error('a literal "*" is not supported');
  return text.replaceAll(':', '::');
}
