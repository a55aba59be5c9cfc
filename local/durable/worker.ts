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
}

type Replay = { reply: EpisodeReply; executor?: Executor };

const UNEXPECTED_SDK =
  'This version of durable-functions is not the one this host knows (3.5): orchestrators cannot be run.';
const REPLAY_ONLY =
  'This version of durable-functions is not the one this host knows (3.5): every episode replays its whole history.';
let saidReplayOnly = false;
const REUSED_TASK =
  'A task that was already scheduled is used again in another Task.all or Task.any. On Azure its activity runs a ' +
  'second time and later results may be mixed up; here it runs once.';

/** State without an orchestration's result, when the invocation itself failed. */
function failed(message: EpisodeMessage, error: string): EpisodeReply {
  const { nextId } = message;
  return {
    kind: 'state',
    tasks: [],
    nextId,
    cancelled: [],
    done: false,
    output: null,
    customStatus: null,
    error,
  };
}

/** Feeds only what is new to a live executor, as its `execute` does with the last episode of a history. */
function advance(executor: Executor, message: EpisodeMessage): EpisodeReply {
  const events = JSON.parse(`[${message.events}]`) as SdkEvent[];
  events.unshift({
    EventType: EventType.OrchestratorStarted,
    IsPlayed: false,
    Timestamp: message.started,
  });
  executor._isReplaying = false;
  try {
    for (const event of events) {
      if (executor.isDoneExecuting()) break;
      event.Timestamp = new Date(event.Timestamp);
      executor.processEvent(event);
    }
    return harvest(executor, message);
  } catch (error) {
    return failed(message, invocationError(error));
  }
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
    return { reply: failed(message, result.ok ? UNEXPECTED_SDK : invocationError(result.error)) };
  }
  if (!canLiveOn(executor)) return replayOnly(message, result, executor);
  const wasSeen = watch(executor) && wasWatching;
  if (wasSeen && message.episode > 0) {
    const { history } = JSON.parse(payload) as { history: HistoryEvent[] };
    const difference = findDifference(history, observationOf(executor).scheduled, executor.sequenceNumber);
    if (difference) return { reply: { kind: 'nonDeterministic', message: difference } };
  }
  if (!result.ok && executor.exception === undefined) {
    return { reply: failed(message, invocationError(result.error)) };
  }
  try {
    const reply = harvest(executor, message);
    // What an unwatched executor has seen is unknown, which matters only if it has seen more than its start.
    return wasSeen || (message.episode === 0 && message.events === '') ? { reply, executor } : { reply };
  } catch (error) {
    return { reply: failed(message, invocationError(error)) };
  }
}

/** With internals that are not as expected: what the replay decided is taken, and nothing is kept or checked. */
function replayOnly(
  message: EpisodeMessage,
  result: Awaited<ReturnType<InvokeOrchestrator>>,
  executor: Executor,
): Replay {
  if (!result.ok && executor.exception === undefined) {
    return { reply: failed(message, invocationError(result.error)) };
  }
  const reply = harvest(executor, message);
  if (saidReplayOnly) return { reply };
  saidReplayOnly = true;
  return { reply: { ...reply, warnings: [REPLAY_ONLY] } };
}

/** The part of a reply that two runs of one episode must agree in. */
function decisions(reply: EpisodeReply): string {
  if (reply.kind !== 'state') return JSON.stringify(reply);
  const { tasks, nextId, cancelled, done, error } = reply;
  return JSON.stringify({ tasks, nextId, cancelled, done, failed: error !== undefined });
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

  const keep = (message: EpisodeMessage, executor: Executor, reply: EpisodeReply): EpisodeReply => {
    const warnings = observationOf(executor).reusedTask ? [REUSED_TASK] : undefined;
    settle(executor);
    const goesOn = reply.kind === 'state' && reply.error === undefined && !reply.unsupported;
    if (goesOn && message.mode !== 'replay' && maxKeptGenerators > 0) {
      // A finished one is kept only while timers hold its instance open.
      const ended = reply.done && message.timers.length === 0 && reply.tasks.length === 0;
      if (!ended) kept.set(message.execution, { executor, episode: message.episode + 1 });
      const oldest = kept.size > maxKeptGenerators ? kept.keys().next().value : undefined;
      if (oldest !== undefined) kept.delete(oldest);
    }
    return warnings ? { ...reply, warnings } : reply;
  };

  const takeKept = (message: EpisodeMessage): Executor | undefined => {
    const live = kept.get(message.execution);
    kept.delete(message.execution);
    return live?.episode === message.episode && message.mode !== 'replay' ? live.executor : undefined;
  };

  return async (name, message) => {
    const live = takeKept(message);
    if (live) {
      const reply = advance(live, message);
      if (message.mode === 'verify' && message.payload !== undefined) {
        const { reply: replayed } = await replay(invoke, name, message, message.payload);
        if (decisions(replayed) !== decisions(reply)) {
          return replayed.kind === 'nonDeterministic'
            ? replayed
            : { kind: 'nonDeterministic', message: DIFFERENT };
        }
      }
      return keep(message, live, reply);
    }
    if (message.payload === undefined) return { kind: 'sendPayload' };
    const { reply, executor } = await replay(invoke, name, message, message.payload);
    if (!executor) return reply;
    return keep(message, executor, reply);
  };
};
