import { EventType, type HistoryEvent } from './history';
import type { Scheduled } from './watch';

const ACTION_NAMES: Record<Scheduled['kind'], string> = {
  activity: 'ScheduleTaskOrchestratorAction',
  timer: 'CreateTimerOrchestratorAction',
  subOrchestration: 'CreateSubOrchestrationAction',
  event: 'SendEventOrchestratorAction',
};

const PREFIX = 'Non-Deterministic workflow detected: A previous execution of this orchestration scheduled ';
const QUESTION =
  ' Was a change made to the orchestrator code after this instance had already started running?';

/** An id below the next one that no task took belongs to an event sent. */
const SENT: Scheduled = { kind: 'event', name: '' };

function subject(
  event: HistoryEvent,
):
  | { kind: Exclude<Scheduled['kind'], 'subOrchestration'>; words: string; name: string | undefined }
  | undefined {
  switch (event.EventType) {
    case EventType.TaskScheduled:
      return { kind: 'activity', words: 'an activity task', name: event.Name };
    case EventType.TimerCreated:
      return { kind: 'timer', words: 'a timer task', name: undefined };
    case EventType.EventSent:
      return { kind: 'event', words: 'an event', name: event.Name };
    default:
      return undefined;
  }
}

/** Sub-orchestrations have words of their own, and are compared by name, too. */
function childDifference(event: HistoryEvent, now: Scheduled | undefined): string | undefined {
  const { EventId: id, Name: name = '', Version: version, InstanceId: instance = '' } = event;
  if (now?.kind === 'subOrchestration' && now.name.toLowerCase() === name.toLowerCase()) return undefined;
  const past =
    `${PREFIX}a sub-orchestration task with sequence ID ${id} and name '${name}' (version '${version ?? ''}', ` +
    `instance ID '${instance}'), but the current `;
  if (!now) return `${past}replay execution hasn't (yet?) scheduled this task.${QUESTION}`;
  const made =
    now.kind === 'subOrchestration'
      ? `scheduled a sub-orchestration task with name ${now.name}`
      : `produced a ${ACTION_NAMES[now.kind]} action`;
  return `${past}orchestration replay instead ${made} at this sequence number.${QUESTION}`;
}

/**
 * Holds a replay against its history and words a difference as the platform does
 * (https://github.com/Azure/durabletask, `TaskOrchestrationContext`). As there, another *name* of the same kind
 * of task goes unnoticed.
 *
 * @param nextId the replay's next id
 */
export function findDifference(
  history: HistoryEvent[],
  scheduled: ReadonlyMap<number, Scheduled>,
  nextId: number,
): string | undefined {
  for (const event of history) {
    if (event.EventType === EventType.SubOrchestrationInstanceCreated) {
      const id = event.EventId;
      const now: Scheduled | undefined = id >= nextId ? undefined : (scheduled.get(id) ?? SENT);
      const difference = childDifference(event, now);
      if (difference) return difference;
      continue;
    }
    const past = subject(event);
    if (!past) continue;
    const id = event.EventId;
    if (id >= nextId) {
      const named = past.name === undefined ? ' ' : ` and name '${past.name}' (version ''), `;
      return (
        `${PREFIX}${past.words} with sequence ID ${id}${named}` +
        `but the current replay execution hasn't (yet?) scheduled this task.${QUESTION}`
      );
    }
    const now = (scheduled.get(id) ?? SENT).kind;
    if (now !== past.kind) {
      const named = past.name === undefined ? '' : ` named '${past.name}'`;
      return (
        `${PREFIX}${past.words} with sequence number ${id}${named}, but the current orchestration replay instead ` +
        `produced a ${ACTION_NAMES[now]} action with this sequence number.${QUESTION}`
      );
    }
  }
  return undefined;
}
