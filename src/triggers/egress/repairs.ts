import { randomUUID } from 'node:crypto';
import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import { getClient, type DurableClient, type DurableOrchestrationStatus } from 'durable-functions';
import type { EgressDeps } from '../../activities/egress/deps';
import {
  repairId,
  repairInstance,
  repairTypeOf,
  type Repair,
  type RepairCounts,
  type RepairTask,
} from '../../domain/egress/repair';
import type { Subscription } from '../../domain/egress/subscription';
import type { Json, JsonObject } from '../../domain/json';
import { Problem } from '../../domain/problem';
import { json } from '../http';
import { instanceStatus } from '../ingest/instances';
import { objectOf } from './body';
import { checkDataset, checkSince, invalidParameter, membersOf } from './deliveryParameters';
import type { SubscriptionHandler } from './deps';
import { isRunning, wakeLane } from './lanes';

/** The name the orchestrator is registered under. */
export const REPAIR_SUBSCRIPTION = 'repairSubscription';

/** Seconds after which to look how far it is. */
const POLL_AFTER = '2';

type RepairDeps = Pick<EgressDeps, 'egress' | 'wake' | 'now'>;

/** `POST /api/subscriptions/{id}/recover` with `{since}`: what was given up since then is tried again. */
export function createRecover(deps: RepairDeps): SubscriptionHandler {
  return startRepair(deps, (_subscription, body) => {
    const { since } = membersOf<{ since: string }>(body, { since: checkSince });
    if (since === undefined) throw invalidParameter('since', '"since" is required.');
    return { type: 'recover', since };
  });
}

/** `POST /api/subscriptions/{id}/replay` with `{since}` or `{fromBeginning: true}`, and `dataset?`. */
export function createReplay(deps: RepairDeps): SubscriptionHandler {
  return startRepair(deps, (subscription, body) => {
    const { since, fromBeginning, dataset } = membersOf<{
      since: string;
      fromBeginning: boolean;
      dataset: string;
    }>(body, { since: checkSince, fromBeginning: checkTrue, dataset: checkDataset });
    if ((since === undefined) === (fromBeginning === undefined))
      throw invalidParameter('since', 'Give either "since" or "fromBeginning": true.');
    if (dataset !== undefined && !subscription.datasets.includes(dataset)) {
      const asked = subscription.datasets.join(', ');
      throw invalidParameter('dataset', `The subscription does not ask for this data set, but for ${asked}.`);
    }
    const datasets = dataset === undefined ? subscription.datasets : [dataset];
    return { type: 'replay', datasets, ...(since === undefined ? {} : { since }) };
  });
}

function checkTrue(value: Json): boolean {
  if (value === true) return value;
  throw invalidParameter('fromBeginning', '"fromBeginning" must be true; else leave it out.');
}

function startRepair(
  deps: RepairDeps,
  repairOf: (subscription: Subscription, body: JsonObject) => Repair,
): SubscriptionHandler {
  return async ({ subscription }, request, context) => {
    const repair = repairOf(subscription, await objectOf(request));
    if (subscription.status === 'pending') {
      throw new Problem(
        'consent-missing',
        'The receiver has not consented, so nothing would be sent. POST …/resume asks it again.',
        { subscriptionStatus: subscription.status },
      );
    }
    const task: RepairTask = {
      id: repairId(repair.type, randomUUID().replaceAll('-', '')),
      subscription: subscription.id,
      repair,
      startedAt: deps.now().toISOString(),
      position: { part: 0 },
      counts: { seen: 0, marked: 0 },
    };
    await start(getClient(context), request, task);
    // While nothing is due it ends soon, and the sweep starts it again.
    if (subscription.status === 'active') await wakeLane(deps, context, subscription.id);
    const statusUrl = statusUrlOf(request, task.id);
    const headers = { Location: statusUrl, 'Retry-After': POLL_AFTER };
    return json(202, { id: task.id, type: repair.type, statusUrl }, headers);
  };
}

/** @throws Problem `repair-running` */
async function start(client: DurableClient, request: HttpRequest, task: RepairTask): Promise<void> {
  const instanceId = repairInstance(task.subscription, task.repair.type);
  try {
    await client.startNew(REPAIR_SUBSCRIPTION, { instanceId, input: task });
  } catch (error) {
    if (!isRunning(error)) throw error;
    const running = await instanceStatus(client, instanceId);
    const id = running && taskOf(running)?.id;
    throw new Problem(
      'repair-running',
      `A ${task.repair.type} of this subscription is running. Wait until it has ended.`,
      id === undefined ? {} : { id, statusUrl: statusUrlOf(request, id) },
    );
  }
}

/** `GET /api/subscriptions/{id}/repairs/{repairId}`: how far it is. The last one of each kind is known. */
export const getRepair: SubscriptionHandler = async ({ subscription }, request, context) => {
  const id = request.params['repairId'] ?? '';
  const type = repairTypeOf(id);
  const status = type && (await instanceStatus(getClient(context), repairInstance(subscription.id, type)));
  const task = status && taskOf(status);
  if (!status || task?.id !== id)
    throw new Problem('unknown-repair', `There is no repair "${id.slice(0, 100).toWellFormed()}".`);
  return answer(task, status);
};

const STATUSES: Readonly<Record<string, string>> = {
  Completed: 'completed',
  Failed: 'failed',
  Terminated: 'terminated',
  Canceled: 'terminated',
};

function answer(task: RepairTask, status: DurableOrchestrationStatus): HttpResponseInit {
  const state = STATUSES[status.runtimeStatus] ?? 'running';
  // At the end the output has the counts of the last slice too.
  const { seen, marked } = state === 'completed' && isCounts(status.output) ? status.output : task.counts;
  const { type, since, datasets } = { since: undefined, datasets: undefined, ...task.repair };
  const { id, startedAt } = task;
  return json(
    200,
    { id, type, status: state, since, datasets, startedAt, seen, marked },
    state === 'running' ? { 'Retry-After': POLL_AFTER } : {},
  );
}

const isCounts = (value: unknown): value is RepairCounts =>
  typeof value === 'object' && value !== null && 'seen' in value && 'marked' in value;

/** What an instance was started with; undefined for what is none of ours. */
function taskOf({ input }: DurableOrchestrationStatus): RepairTask | undefined {
  return typeof input === 'object' && input !== null && 'id' in input ? (input as RepairTask) : undefined;
}

/** Beside the route of the request: behind the subscription's id, or behind that of the token. */
function statusUrlOf(request: HttpRequest, id: string): string {
  return new URL(`repairs/${id}`, request.url).href;
}
