import { EventType, genericEvent, isFailure, type HistoryEvent } from './history';
import { Instance } from './instance';
import { restore } from './recovery';
import type { EpisodeRow, InstanceRow } from './schema';
import type { Store } from './store';

/** A failed instance as it is to go on, while that is not yet on disk. */
export interface Revival {
  instance: Instance;
  /** The events of its episodes. */
  events: string[];
  /** None of its sub-orchestrations failed: it goes on by itself. The others wait for theirs. */
  isLeaf: boolean;
  /** What revives it. */
  message?: { event: string; inbox: number };
  /** What the developer should know of. */
  warnings: string[];
}

const RETRIED =
  'is rewound and had retried what failed. As on the platform its timers stay in the history, which then does not ' +
  'fit to what the orchestrator does, and it fails as non-deterministic.';
const UNANSWERED =
  'is rewound and had work under way when it failed, which is run again. On the platform results that have come since ' +
  'are lost, and an orchestrator that waits for them stays Running for ever.';

interface Failures {
  tasks: Set<number>;
  children: Set<number>;
}

function failuresOf(history: HistoryEvent[]): Failures {
  const failures: Failures = { tasks: new Set(), children: new Set() };
  for (const event of history) {
    if (!isFailure(event) || event.TaskScheduledId === undefined) continue;
    const { tasks, children } = failures;
    (event.EventType === EventType.TaskFailed ? tasks : children).add(event.TaskScheduledId);
  }
  return failures;
}

/** What stands in an event's place: failures go, and failed activities as if they had never been scheduled. */
function rewound(event: HistoryEvent, { tasks }: Failures): string {
  const { EventType: type, EventId: id, Timestamp: at } = event;
  if (isFailure(event)) return genericEvent(null, -1, at, true);
  if (type === EventType.TaskScheduled && tasks.has(id)) return genericEvent(null, id, at);
  return JSON.stringify(event);
}

/**
 * Takes the failures out of a history as the platform does, which overwrites each with a generic event
 * (https://github.com/Azure/durabletask, `AzureTableTrackingStore.RewindHistoryAsync`).
 *
 * @returns the instance as it goes on, and the ids of the sub-orchestrations that failed
 */
function revive(row: InstanceRow, rows: EpisodeRow[], updated: string): [Revival, string[]] {
  const histories = rows.map(({ events }) => JSON.parse(`[${events}]`) as HistoryEvent[]);
  const all = histories.flat();
  const failures = failuresOf(all);
  const texts = histories.map((history) => history.map((event) => rewound(event, failures)));
  const changed = (): EpisodeRow[] =>
    rows.map((stored, index) => ({ ...stored, events: texts[index]?.join(',') ?? '' }));
  const state = { ...row, status: 'Running', output: null, updated } as const;
  const instance = new Instance(state, false);
  restore(instance, changed());
  // The end itself: it stands before the OrchestratorCompleted of its episode, under the next id.
  texts.at(-1)?.splice(-1, 0, genericEvent(null, instance.nextId, row.updated));
  instance.rewound = true;
  instance.updated = updated;
  const children = all.filter(
    ({ EventType: type, EventId: id }) =>
      type === EventType.SubOrchestrationInstanceCreated && failures.children.has(id),
  );
  const warnings = [];
  if (all.some(({ EventType: type, EventId }) => type === EventType.TimerCreated && isRetry(rows, EventId)))
    warnings.push(RETRIED);
  const waiting = [...instance.open.values()].filter(
    ({ id, kind }) => kind !== 'timer' && !failures.children.has(id),
  );
  if (waiting.length > 0) warnings.push(UNANSWERED);
  const isLeaf = failures.children.size === 0;
  const events = changed().map((stored) => stored.events);
  return [{ instance, events, isLeaf, warnings }, children.flatMap(({ InstanceId: id }) => id ?? [])];
}

function isRetry(rows: EpisodeRow[], id: number): boolean {
  return rows.some(({ decisions }) => decisions?.includes(`{"kind":"retryTimer","id":${id},`) === true);
}

/**
 * A failed instance and, below it, the failed sub-orchestrations that made it fail; the root first. Sub-orchestrations
 * that have not failed any more are left as they are.
 */
export function planRewind(
  store: Store,
  root: InstanceRow,
  updated: string,
  isLive: (id: string) => boolean,
): Revival[] {
  const revivals: Revival[] = [];
  const seen = new Set([root.id]);
  const rows = [root];
  for (let row = rows.pop(); row; row = rows.pop()) {
    const [revival, children] = revive(row, store.episodes(row.seq), updated);
    revivals.push(revival);
    for (const id of children) {
      if (seen.has(id) || isLive(id)) continue;
      seen.add(id);
      const child = store.find(id);
      if (child?.status === 'Failed') rows.push(child);
    }
  }
  return revivals;
}
