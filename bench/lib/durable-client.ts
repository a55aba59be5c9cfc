import type { Cloud } from './cloud';
import { expectJson, httpClient } from './http';
import { until } from './work';

export type RuntimeStatus = 'Pending' | 'Running' | 'Completed' | 'Failed' | 'Terminated';

export interface InstanceStatus {
  readonly instanceId: string;
  readonly runtimeStatus: RuntimeStatus;
  readonly output: unknown;
  readonly customStatus?: unknown;
}

/**
 * The Durable HTTP API, without an SDK in between
 * (https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-http-api).
 */
export interface DurableClient {
  start(orchestrator: string, instanceId: string, input: unknown): Promise<void>;
  status(instanceId: string): Promise<InstanceStatus>;
  /** Resolves when none of `mine` is pending or running. Asks the list for one page, so that asking costs little. */
  drained(mine: (instanceId: string) => boolean): Promise<void>;
  /** A page of the list; `token` is the `next` of the page before, or empty. */
  list(query: string, token: string): Promise<{ instances: InstanceStatus[]; next: string }>;
  /** Purges by a filter. @returns how many */
  purge(query: string): Promise<number>;
  /** How many instances whose ids begin with `prefix` have this status. */
  count(runtimeStatus: RuntimeStatus, prefix: string): Promise<number>;
  dispose(): void;
}

/** How exact the end of a run is known. */
const POLL_MS = 10;
const DRAIN_TIMEOUT_MS = 300_000;
const PAGE = 1_000;

export function durableClient(cloud: Cloud, connections: number): DurableClient {
  const http = httpClient(cloud.hostUrl, connections);
  const root = '/runtime/webhooks/durabletask';
  const headers = { 'x-functions-key': cloud.systemKey, 'content-type': 'application/json' };
  const list = async (query: string, token: string) => {
    const path = `${root}/instances?${query}`;
    const reply = await http.send({
      method: 'GET',
      path,
      headers: token === '' ? headers : { ...headers, 'x-ms-continuation-token': token },
    });
    const next = reply.headers['x-ms-continuation-token'];
    return {
      instances: expectJson<InstanceStatus[]>(reply, 200),
      next: typeof next === 'string' ? next : '',
    };
  };
  return {
    async start(orchestrator, instanceId, input) {
      const path = `${root}/orchestrators/${orchestrator}/${instanceId}`;
      expectJson(await http.send({ method: 'POST', path, headers, body: JSON.stringify(input) }), 202);
    },
    async status(instanceId) {
      const path = `${root}/instances/${instanceId}`;
      return expectJson(await http.send({ method: 'GET', path, headers }), 200, 202);
    },
    list,
    async purge(query) {
      const reply = await http.send({ method: 'DELETE', path: `${root}/instances?${query}`, headers });
      return expectJson<{ instancesDeleted: number }>(reply, 200).instancesDeleted;
    },
    async drained(mine) {
      // Instances that never end may be there beside ours: ten of them do not hide ours.
      const query = 'runtimeStatus=Pending,Running&top=10&showInput=false';
      await until('The end of all instances', POLL_MS, DRAIN_TIMEOUT_MS, async () => {
        const { instances } = await list(query, '');
        return instances.some(({ instanceId }) => mine(instanceId)) ? undefined : true;
      });
    },
    async count(runtimeStatus, prefix) {
      let found = 0;
      let token = '';
      do {
        const query = `runtimeStatus=${runtimeStatus}&instanceIdPrefix=${prefix}&top=${PAGE}&showInput=false`;
        const { instances, next } = await list(query, token);
        found += instances.length;
        token = next;
      } while (token !== '');
      return found;
    },
    dispose: () => http.dispose(),
  };
}
