import { parseArgs } from 'node:util';
import { DEFAULT_PORTS, type LocalCloudOptions, type ServiceName } from '../../../local/start';
import { wholeIn } from '../load/arguments';

export const SERVICES: readonly ServiceName[] = ['blob', 'eventhubs', 'cosmos', 'functions'];

const DEFAULT_DATA = '.headwater';
const DEFAULT_PARTITIONS = 4;
/** https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas */
const MAX_PARTITIONS = 32;
/** Of hubs and consumer groups: as above. */
const NAME = /^[a-z0-9]([a-z0-9._-]{0,254}[a-z0-9])?$/i;

type Hubs = NonNullable<LocalCloudOptions['hubs']>;

/** The hub of the vendor's emulator as it comes: https://learn.microsoft.com/azure/event-hubs/test-locally-with-event-hub-emulator */
export const DEFAULT_HUBS: Hubs = { eh1: { partitions: 2, consumerGroups: ['cg1'] } };

export const LOCAL_USAGE = `Usage: npm run local -- [service…] [options]

Starts ${SERVICES.join(', ')}, or those that are named. When one serves it prints a line on standard output:
READY <service> <connection string, or address>. Everything else goes to standard error. Ctrl-C ends all of them.

  --port N            its port, when one service is named; 0 asks for a free one
  --port SERVICE=N    the port of one of several (default: ${SERVICES.map((name) => `${name} ${DEFAULT_PORTS[name]}`).join(', ')})
  --data DIR          where everything is stored, keys too (default: ${DEFAULT_DATA})
  --app DIR           the app that functions runs: its folder, built (default: Headwater itself)
  --no-keys           functions of the level "function" need no key
  --hub NAME[:PARTITIONS[:GROUP,GROUP]]
                      a hub that eventhubs offers, of ${DEFAULT_PARTITIONS} partitions unless told otherwise; for each hub once more
                      (default: those of Headwater when it runs, else eh1:2:cg1)`;

export interface LocalArguments {
  readonly services: readonly ServiceName[];
  readonly ports: Readonly<Partial<Record<ServiceName, number>>>;
  readonly data: string;
  /** Undefined: Headwater itself. */
  readonly app: string | undefined;
  readonly noKeys: boolean;
  /** Undefined: those of the app. */
  readonly hubs: Hubs | undefined;
}

export type LocalCommand =
  | { readonly kind: 'help' }
  | { readonly kind: 'fault'; readonly message: string }
  | { readonly kind: 'local'; readonly options: LocalArguments };

const OPTIONS = {
  port: { type: 'string', multiple: true },
  data: { type: 'string', default: DEFAULT_DATA },
  app: { type: 'string' },
  'no-keys': { type: 'boolean', default: false },
  hub: { type: 'string', multiple: true },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

class Fault extends Error {}

/** What the command line asks for, or what is wrong with it. */
export function readLocalArguments(argv: readonly string[]): LocalCommand {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
    if (values.help) return { kind: 'help' };
    const { app, data, port = [], hub = [] } = values;
    const services = servicesOf(positionals);
    const needs = (service: ServiceName, option: string): void => {
      if (!services.includes(service))
        throw new Fault(`${option} is for ${service}, which is not among the services named.`);
    };
    if (app !== undefined) needs('functions', '--app');
    if (values['no-keys']) needs('functions', '--no-keys');
    if (hub.length > 0) needs('eventhubs', '--hub');
    for (const [name, value] of [['--data', data] as const, ['--app', app] as const])
      if (value === '') throw new Fault(`${name} needs a folder.`);
    const options: LocalArguments = {
      services,
      ports: portsOf(port, services),
      data,
      app,
      noKeys: values['no-keys'],
      hubs: hub.length === 0 ? undefined : hubsOf(hub),
    };
    return { kind: 'local', options };
  } catch (error) {
    const { code, message } = error as Error & { code?: unknown };
    if (error instanceof Fault || error instanceof RangeError || String(code).startsWith('ERR_PARSE_ARGS'))
      return { kind: 'fault', message };
    throw error;
  }
}

function serviceOf(text: string): ServiceName {
  const name = SERVICES.find((known) => known === text);
  if (name === undefined)
    throw new Fault(`There is no service "${text}": the services are ${SERVICES.join(', ')}.`);
  return name;
}

/** In the order in which they start. */
function servicesOf(positionals: readonly string[]): readonly ServiceName[] {
  const named = new Set(positionals.map(serviceOf));
  return named.size === 0 ? SERVICES : SERVICES.filter((name) => named.has(name));
}

function portsOf(
  texts: readonly string[],
  services: readonly ServiceName[],
): Partial<Record<ServiceName, number>> {
  const ports: Partial<Record<ServiceName, number>> = {};
  for (const text of texts) {
    const equals = text.indexOf('=');
    if (equals < 0 && services.length !== 1)
      throw new Fault(`--port ${text} does not say of which service it is: use --port SERVICE=N.`);
    const name = equals < 0 ? (services[0] as ServiceName) : serviceOf(text.slice(0, equals));
    if (!services.includes(name)) throw new Fault(`--port ${text}: ${name} is not among the services named.`);
    if (ports[name] !== undefined) throw new Fault(`--port gives ${name} two ports.`);
    ports[name] = wholeIn(text.slice(equals + 1), '--port', 0, 65_535) ?? 0;
  }
  return ports;
}

function hubsOf(texts: readonly string[]): Hubs {
  const hubs = new Map<string, Hubs[string]>();
  for (const text of texts) {
    const [name = '', partitions, groups, ...rest] = text.split(':');
    if (rest.length > 0)
      throw new Fault(`--hub ${text}: write NAME, NAME:PARTITIONS or NAME:PARTITIONS:GROUP,GROUP.`);
    const consumerGroups = groups === undefined ? [] : groups.split(',');
    for (const each of [name, ...consumerGroups]) {
      if (!NAME.test(each))
        throw new Fault(`--hub ${text}: "${each}" is no name; names have letters, digits, ".", "-" and "_".`);
    }
    // Names of hubs ignore case.
    if ([...hubs.keys()].some((known) => known.toLowerCase() === name.toLowerCase()))
      throw new Fault(`--hub names ${name} twice.`);
    const count = wholeIn(partitions, `--hub ${text}: its partitions`, 1, MAX_PARTITIONS);
    hubs.set(name, { partitions: count ?? DEFAULT_PARTITIONS, consumerGroups });
  }
  return Object.fromEntries(hubs);
}
