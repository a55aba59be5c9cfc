import { promises as dns, type LookupAddress } from 'node:dns';
import * as http from 'node:http';
import * as https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { addressFault } from '../domain/egress/address';
import { MAX_IN_FLIGHT } from '../domain/egress/subscription';

/** All addresses of a name, in the order in which they are to be tried. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

export interface AgentOptions {
  /** Allow addresses that are not public. */
  readonly allowLocal: boolean;
  /** Default: as the system does, with its hosts file. */
  readonly resolve?: Resolve;
  /** Certificates (PEM) that are trusted in place of the well-known ones. */
  readonly ca?: string;
}

/** The address, or the one that a name stands for, is not allowed. */
export class AddressRefused extends Error {}

/** A name that stands for no address, or a resolver that does not answer. */
export class NameNotResolved extends Error {}

/**
 * An idle connection is closed after this time, ms: well before the first router or balancer on the way forgets it
 * (4 minutes on Azure: https://learn.microsoft.com/azure/load-balancer/load-balancer-tcp-reset).
 */
const IDLE_MS = 30_000;

/** Pause before a name's next address is tried as well, ms. Node's own 250 ms gives up distant receivers. */
const NEXT_ADDRESS_MS = 2_000;

/**
 * Agents for one kind of connection: kept for the next request, or used once. They dial no address that is not
 * public: each is checked when it is dialled, after the name was resolved, so that a name whose answer changes gains
 * nothing. A name with several addresses of which one is refused is refused whole: it would work by chance only.
 * Neither takes a proxy from the environment: a proxy would dial whatever it is told.
 */
export function createAgents(
  { allowLocal, resolve = resolveBySystem, ca }: AgentOptions,
  keepAlive: boolean,
): { readonly 'http:': http.Agent; readonly 'https:': https.Agent } {
  const options = {
    keepAlive,
    maxFreeSockets: MAX_IN_FLIGHT,
    timeout: IDLE_MS,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS,
    lookup: lookupBy(resolve, allowLocal),
  };
  // Named, so that an environment variable cannot turn the check of certificates off.
  const tls = { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) };
  const agents = { 'http:': new http.Agent(options), 'https:': new https.Agent({ ...options, ...tls }) };
  if (!allowLocal) Object.values(agents).forEach(refuseLiterals);
  return agents;
}

const resolveBySystem: Resolve = (hostname) => dns.lookup(hostname, { all: true });

/** Of many requests to a new receiver, the first resolves its name for all: a lookup holds one of a few threads. */
function lookupBy(resolve: Resolve, allowLocal: boolean): LookupFunction {
  const underWay = new Map<string, Promise<readonly LookupAddress[]>>();
  const find = (hostname: string): Promise<readonly LookupAddress[]> => {
    let found = underWay.get(hostname);
    if (!found) {
      found = resolveAllowed(hostname, resolve, allowLocal).finally(() => underWay.delete(hostname));
      underWay.set(hostname, found);
    }
    return found;
  };
  const findThen = callbackify(find);
  return (hostname, { all }, callback) => {
    findThen(hostname, (error, addresses) => {
      const [first] = error ? [] : addresses;
      if (error || !first) callback(error, []);
      else if (all) callback(null, [...addresses]);
      else callback(null, first.address, first.family);
    });
  };
}

async function resolveAllowed(
  hostname: string,
  resolve: Resolve,
  allowLocal: boolean,
): Promise<readonly LookupAddress[]> {
  let addresses: readonly LookupAddress[];
  try {
    addresses = await resolve(hostname);
  } catch (error) {
    throw new NameNotResolved(`The name ${hostname} was not found: ${(error as Error).message}.`);
  }
  if (addresses.length === 0) throw new NameNotResolved(`The name ${hostname} has no address.`);
  if (!allowLocal) for (const { address } of addresses) refuse(hostname, address);
  return addresses;
}

function refuse(hostname: string, address: string): void {
  const fault = addressFault(address);
  if (fault === undefined) return;
  throw new AddressRefused(
    address === hostname ? `${address} ${fault}.` : `${hostname} stands for ${address}, which ${fault}.`,
  );
}

/** An IP address as host is dialled without a lookup: it is checked here. */
function refuseLiterals(agent: http.Agent): void {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const host = String(options.host);
    const fault = isIP(host) ? addressFault(host) : undefined;
    if (fault === undefined) return connect(options, callback);
    const error = new AddressRefused(`${host} ${fault}.`);
    process.nextTick(() => callback?.(error, undefined as never));
    return undefined;
  };
}
