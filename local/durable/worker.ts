import { findDifference } from './determinism';
import { harvest, invocationError } from './harvest';
import { EventType, type HistoryEvent } from './history';
import type { CreateEpisodeRunner, EpisodeMessage, EpisodeReply, InvokeOrchestrator } from './runner';
import { canLiveOn, readExecutor, type Executor, type SdkEvent } from './sdk';
import { isWatching, observationOf, settle, watch } from './watch';

interface Kept {
  executor: Executor;
  /** How many episodes it has seen. */
  episode: number;
  /** How many external events came when it was already done. */
  later: number;
}

type State = Extract<EpisodeReply, { kind: 'state' }>;
type Run = { reply: EpisodeReply; later: number };
type Replay = Run & { executor?: Executor };

const UNEXPECTED_SDK =
  'This version of durable-functions is not the one this host knows (3.5): orchestrators cannot be run.';
const REPLAY_ONLY =
  'This version of durable-functions is not the one this host knows (3.5): every episode replays its whole history, ' +
  'and continueAsNew carries no events over.';
let saidReplayOnly = false;
const REUSED_TASK =
  'A task that was already scheduled is used again in another Task.all or Task.any. On Azure its activity runs a ' +
  'second time and later results may be mixed up; here it runs once.';

/** State without an orchestration's result, when the invocation itself failed. */
function failed(message: EpisodeMessage, reason: { error: string; crashed?: true }): EpisodeReply {
  const { nextId } = message;
  return {
    kind: 'state',
    tasks: [],
    nextId,
    cancelled: [],
    done: false,
    output: null,
    customStatus: null,
    ...reason,
  };
}

function crashed(message: EpisodeMessage, error: unknown): EpisodeReply {
  return failed(message, { error: invocationError(error), crashed: true });
}

/** Feeds only what is new to a live executor, as its `execute` does with the last episode of a history. */
function advance({ executor, later: before }: Kept, message: EpisodeMessage): Run {
  const events = JSON.parse(`[${message.events}]`) as SdkEvent[];
  events.unshift({
    EventType: EventType.OrchestratorStarted,
    IsPlayed: false,
    Timestamp: message.started,
  });
  executor._isReplaying = false;
  let later = before;
  try {
    for (const event of events) {
      if (executor.isDoneExecuting()) {
        later += isExternal(event) ? 1 : 0;
        continue;
      }
      event.Timestamp = new Date(event.Timestamp);
      executor.processEvent(event);
    }
    return { reply: harvest(executor, message, later), later };
  } catch (error) {
    return { reply: crashed(message, error), later };
  }
}

function isExternal({ EventType: type }: { EventType: number }): boolean {
  return type === EventType.EventRaised;
}

/** External events behind the last event that a replay took. */
function laterEvents(history: HistoryEvent[], executor: Executor): number {
  return history.slice(observationOf(executor).processed).filter(isExternal).length;
}

/** Runs the whole history through the SDK's pipeline, and holds the outcome against the history. */
async function replay(
  invoke: InvokeOrchestrator,
  name: string,
  message: EpisodeMessage,
  payload: string,
): Promise<Replay> {
  const wasWatching = isWatching();
  const result = await invoke(name, payload);
  const executor = readExecutor(result.context);
  if (!executor) {
    // Without an executor the SDK's handler was never reached, or is not the one this code knows.
    const reply = result.ok ? failed(message, { error: UNEXPECTED_SDK }) : crashed(message, result.error);
    return { reply, later: 0 };
  }
  if (!canLiveOn(executor)) return replayOnly(message, result, executor);
  const wasSeen = watch(executor) && wasWatching;
  // Which events came after the call shows only in a replay that is watched.
  if (!wasSeen && executor.willContinueAsNew) return replay(invoke, name, message, payload);
  let later = 0;
  if (wasSeen && (message.episode > 0 || executor.willContinueAsNew)) {
    const { history } = JSON.parse(payload) as { history: HistoryEvent[] };
    const difference = findDifference(history, observationOf(executor).scheduled, executor.sequenceNumber);
    if (difference) return { reply: { kind: 'nonDeterministic', message: difference }, later };
    later = laterEvents(history, executor);
  }
  if (!result.ok && executor.exception === undefined) {
    return { reply: crashed(message, result.error), later };
  }
  try {
    const reply = harvest(executor, message, later);
    // What an unwatched executor has seen is unknown, which matters only if it has seen more than its start.
    return wasSeen || (message.episode === 0 && message.events === '')
      ? { reply, later, executor }
      : { reply, later };
  } catch (error) {
    return { reply: crashed(message, error), later };
  }
}

/** With internals that are not as expected: what the replay decided is taken, and nothing is kept or checked. */
function replayOnly(
  message: EpisodeMessage,
  result: Awaited<ReturnType<InvokeOrchestrator>>,
  executor: Executor,
): Replay {
  const later = 0;
  if (!result.ok && executor.exception === undefined) {
    return { reply: crashed(message, result.error), later };
  }
  const reply = harvest(executor, message, later);
  if (saidReplayOnly) return { reply, later };
  saidReplayOnly = true;
  return { reply: { ...reply, warnings: [REPLAY_ONLY] }, later };
}

/** The part of a reply that two runs of one episode must agree in. */
function decisions(reply: EpisodeReply): string {
  if (reply.kind !== 'state') return JSON.stringify(reply);
  const { tasks, nextId, cancelled, done, error, continueAsNew } = reply;
  return JSON.stringify({ tasks, nextId, cancelled, done, continueAsNew, failed: error !== undefined });
}

/** Whether an orchestrator that is done still waits for a timer, which holds its instance open. */
function isHeld({ timers }: EpisodeMessage, { tasks, cancelled }: State): boolean {
  const added = tasks.filter(({ kind }) => kind === 'timer' || kind === 'retryTimer').map(({ id }) => id);
  return [...timers, ...added].some((id) => !cancelled.includes(id));
}

const DIFFERENT =
  'Non-Deterministic workflow detected: A replay of this orchestration from its history does not schedule what its ' +
  'running instance has scheduled. Does the orchestrator read the time, random numbers or variables outside of it?';

/**
 * The worker side of the engine: runs episodes, keeping the generators of orchestrations that are under way, so
 * that an episode costs what is new in it and not its whole history. A generator that is not kept any more is
 * rebuilt by a full replay, which asks the engine for the history.
 */
export const createEpisodeRunner: CreateEpisodeRunner = (invoke, { maxKeptGenerators }) => {
  const kept = new Map<string, Kept>();

  const keep = (message: EpisodeMessage, executor: Executor, { reply, later }: Run): EpisodeReply => {
    const warnings = observationOf(executor).reusedTask ? [REUSED_TASK] : undefined;
    settle(executor);
    const goesOn = reply.kind === 'state' && reply.error === undefined && !reply.unsupported;
    if (goesOn && message.mode !== 'replay' && maxKeptGenerators > 0) {
      // A finished one is kept only while timers hold its instance open.
      const ended = reply.done && !isHeld(message, reply);
      if (!ended) kept.set(message.execution, { executor, episode: message.episode + 1, later });
      const oldest = kept.size > maxKeptGenerators ? kept.keys().next().value : undefined;
      if (oldest !== undefined) kept.delete(oldest);
    }
    return warnings ? { ...reply, warnings } : reply;
  };

  const takeKept = (message: EpisodeMessage): Kept | undefined => {
    const live = kept.get(message.execution);
    kept.delete(message.execution);
    return live?.episode === message.episode && message.mode !== 'replay' ? live : undefined;
  };

  return async (name, message) => {
    const live = takeKept(message);
    if (live) {
      const run = advance(live, message);
      if (message.mode === 'verify' && message.payload !== undefined) {
        const { reply: replayed } = await replay(invoke, name, message, message.payload);
        if (decisions(replayed) !== decisions(run.reply)) {
          return replayed.kind === 'nonDeterministic'
            ? replayed
            : { kind: 'nonDeterministic', message: DIFFERENT };
        }
      }
      return keep(message, live.executor, run);
    }
    if (message.payload === undefined) return { kind: 'sendPayload' };
    const { executor, ...run } = await replay(invoke, name, message, message.payload);
    if (!executor) return run.reply;
    return keep(message, executor, run);
  };
};
