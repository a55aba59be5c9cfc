import { normalise, sorted, type Recording } from '../../support/durable-golden';
import type { Call } from '../../support/durable-host';

interface Compared {
  payload: unknown;
  returned?: unknown;
  threw?: unknown;
}

const OUT_OF_PROC = '\n\n$OutOfProcData$:';

function thrown(text: string): unknown {
  const [message = '', state] = text.split(OUT_OF_PROC, 2);
  return state === undefined ? { message } : { message, state: JSON.parse(state) as unknown };
}

/** Names an instance in both runs: generated ids of children begin with those of their parents' executions. */
function keyOf({
  instanceId,
  payload,
}: {
  instanceId?: string | undefined;
  payload: unknown;
}): string | undefined {
  const { parentInstanceId } = payload as { parentInstanceId: string | null };
  const generated = /^[0-9a-f-]{36}:(\d+)$/.exec(instanceId ?? '');
  return generated && parentInstanceId !== null ? `${parentInstanceId}/${generated[1]}` : instanceId;
}

/** Orchestrator calls by instance, in order. */
export function recordedCalls(recording: Recording): Map<string, Compared[]> {
  return grouped(
    recording.calls.filter(({ trigger, payload }) => trigger === 'orchestration' && payload !== undefined),
    keyOf,
    ({ payload, returned, threw }) => ({ payload, returned, threw }),
  );
}

export function actualCalls(calls: Call[]): Map<string, Compared[]> {
  return grouped(
    calls.filter(({ payload }) => typeof payload === 'object' && payload !== null && 'history' in payload),
    keyOf,
    ({ payload, returned, threw }) => ({
      payload,
      returned,
      threw: threw === undefined ? threw : thrown(threw),
    }),
  );
}

function grouped<T>(
  calls: T[],
  key: (call: T) => string | undefined,
  value: (call: T) => Compared,
): Map<string, Compared[]> {
  const groups = new Map<string, Compared[]>();
  for (const call of calls) {
    const id = key(call) ?? '';
    const group = groups.get(id) ?? [];
    if (group.length === 0) groups.set(id, group);
    group.push(sorted(normalise(value(call))) as Compared);
  }
  return groups;
}

interface Payload {
  history: Record<string, unknown>[];
  isReplaying: boolean;
}

/** The events of the last call of each of an instance's executions, whatever episodes they came in. */
export function lastEvents(calls: Compared[]): string[][] {
  const payloads = calls.map(({ payload }) => payload as Payload);
  // The first call of the next execution is not a replay.
  const last = payloads.filter((_, index) => payloads[index + 1]?.isReplaying !== true);
  return last.map(({ history }) =>
    history
      .filter(({ EventType }) => EventType !== 12 && EventType !== 13)
      .map((event) => JSON.stringify({ ...event, IsPlayed: undefined }))
      .toSorted(),
  );
}
