import { DummyOrchestrationContext, type OrchestrationHandler } from 'durable-functions';

/** One event of an orchestration's history, as the Durable extension writes it. */
export interface HistoryEvent {
  readonly EventType: number;
  readonly EventId: number;
  IsPlayed: boolean;
  readonly Timestamp: string;
  readonly [name: string]: unknown;
}

/** What the extension hands to an orchestrator: the trigger's JSON, parsed. */
export interface Payload {
  readonly history: readonly HistoryEvent[];
  readonly input: unknown;
  readonly instanceId: string;
  readonly isReplaying: boolean;
  readonly [name: string]: unknown;
}

/**
 * An action of the orchestrator: an activity (1, with retries), several that are waited for together (12), or its end
 * with an input for the next execution (4).
 */
export interface Action {
  readonly actionType: number;
  readonly functionName?: string;
  readonly input?: unknown;
  readonly compoundActions?: readonly Action[];
}

/** What an orchestrator answers; `actions` is the whole list since it was started. */
export interface State {
  readonly isDone: boolean;
  readonly actions: readonly (readonly Action[])[];
  readonly output?: unknown;
  readonly customStatus?: unknown;
}

export interface Episode {
  readonly payload: Payload;
  readonly returned: State;
}

interface Orchestrator {
  handle(trigger: unknown, context: unknown): Promise<object>;
}
const { Orchestrator: SdkOrchestrator } =
  require('durable-functions/lib/src/orchestrations/Orchestrator') as {
    Orchestrator: new (handler: OrchestrationHandler) => Orchestrator;
  };

/** Runs one episode with the SDK's own executor; payload and answer go through JSON, as on the wire. */
export async function replay(handler: OrchestrationHandler, payload: Payload): Promise<State> {
  const asSent: unknown = JSON.parse(JSON.stringify(payload));
  const context = new DummyOrchestrationContext('orchestrator', 'invocation', () => undefined);
  return JSON.parse(JSON.stringify(await new SdkOrchestrator(handler).handle(asSent, context))) as State;
}

const CONTINUE_AS_NEW = 4;

/** The input of the next execution, as `{ input }`, when the orchestrator starts itself anew. */
export function continuedWith({ actions }: State): { input: unknown } | undefined {
  const found = actions.flat().find(({ actionType }) => actionType === CONTINUE_AS_NEW);
  return found && { input: found.input };
}

/** The activities of an answer, compounds taken apart, in the order of their ids. */
export function activitiesOf({ actions }: State): { name: string; input: unknown }[] {
  const flat = (list: readonly Action[]): { name: string; input: unknown }[] =>
    list.flatMap((one) => {
      if (one.compoundActions) return flat(one.compoundActions);
      return one.actionType === CONTINUE_AS_NEW ? [] : [{ name: one.functionName ?? '', input: one.input }];
    });
  return flat(actions.flat());
}

/** An activity's result, or why it fails; asked for each attempt. */
export type Script = (
  name: string,
  input: unknown,
  attempt: number,
) => { result: unknown } | { failure: string };

/** Types of the events that come from outside: only these are ever marked as played. */
const INCOMING = new Set([0, 5, 6, 11]);

/** All episodes of an instance in one: each sees the beginning of the last one's history and of its actions. */
export interface Recording {
  readonly orchestrator: string;
  readonly payload: Payload;
  readonly returned: State;
  readonly episodes: readonly { readonly events: number; readonly actions: number }[];
}

export function recordingOf(orchestrator: string, episodes: readonly Episode[]): Recording {
  const { payload, returned } = episodes.at(-1) as Episode;
  return {
    orchestrator,
    payload,
    returned,
    episodes: episodes.map((one) => ({
      events: one.payload.history.length,
      actions: one.returned.actions.flat().length,
    })),
  };
}

/** The episodes that {@link recordingOf} was given, but for the custom status of all but the last. */
export function episodesOf({ payload, returned, episodes }: Recording): Episode[] {
  return episodes.map(({ events, actions }, at) => {
    const visible = payload.history.slice(0, events);
    const begins = visible.findLastIndex(({ EventType }) => EventType === 12);
    const history = visible.map((event, place) => ({
      ...event,
      IsPlayed: place < begins && INCOMING.has(event.EventType),
    }));
    const isLast = at === episodes.length - 1;
    return {
      payload: { ...payload, history, isReplaying: at > 0 },
      returned: isLast ? returned : { isDone: false, actions: [returned.actions.flat().slice(0, actions)] },
    };
  });
}

const EPOCH = Date.parse('2026-03-01T12:00:00Z');

/**
 * Drives an orchestrator to its end as the extension does: every answer of an activity is an episode of its own, with
 * the whole history, ids counted as the SDK counts them. Retries are the host's: a timer, then a new attempt.
 */
export class Drive {
  private readonly history: HistoryEvent[] = [];
  private readonly episodes: Episode[] = [];
  private readonly waiting: { name: string; input: unknown; id: number; attempt: number }[] = [];
  private seen = 0;
  private ids = 0;

  constructor(
    private readonly handler: OrchestrationHandler,
    private readonly name: string,
    private readonly input: unknown,
    private readonly script: Script,
  ) {}

  async run(): Promise<Episode[]> {
    this.begin();
    const OrchestrationInstance = { InstanceId: 'instance', ExecutionId: 'execution' };
    this.add(0, {
      OrchestrationInstance,
      ParentInstance: null,
      Name: this.name,
      Version: null,
      Input: JSON.stringify(this.input),
      Tags: null,
      Correlation: null,
      ParentTraceContext: null,
      ScheduledStartTime: null,
      Generation: 0,
      GenerateNewTrace: false,
    });
    await this.episode();
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) {
      const { name, input, id, attempt } = next;
      const answer = this.script(name, input, attempt);
      this.begin();
      if ('result' in answer) {
        this.add(5, { TaskScheduledId: id, Result: JSON.stringify(answer.result) });
        await this.episode();
      } else {
        await this.retry(next, answer.failure);
      }
    }
    return this.episodes;
  }

  private async retry(failed: (typeof this.waiting)[number], failure: string): Promise<void> {
    this.add(6, { TaskScheduledId: failed.id, Reason: failure, Details: failure });
    const timer = this.ids++;
    await this.episode(() => this.add(10, { EventId: timer, FireAt: this.time() }));
    this.begin();
    this.add(11, { TimerId: timer, FireAt: this.time() });
    const id = this.ids++;
    await this.episode(() => this.schedule(failed.name, id));
    this.waiting.unshift({ ...failed, id, attempt: failed.attempt + 1 });
  }

  private time(): string {
    return new Date(EPOCH + this.history.length * 10).toISOString();
  }

  private add(EventType: number, members: Record<string, unknown> = {}): void {
    this.history.push({ EventType, EventId: -1, IsPlayed: false, Timestamp: this.time(), ...members });
  }

  private schedule(name: string, id: number): void {
    this.add(4, { Name: name, Version: '', Input: null, ParentTraceContext: null, Tags: null, EventId: id });
  }

  private begin(): void {
    this.add(12);
  }

  /** @param after what the host adds to the history, beside the activities that are asked for */
  private async episode(after: () => void = () => undefined): Promise<void> {
    const payload: Payload = {
      history: structuredClone(this.history),
      input: this.input,
      instanceId: 'instance',
      isReplaying: this.episodes.length > 0,
      parentInstanceId: null,
      sourceInstanceId: null,
      upperSchemaVersion: 1,
      upperSchemaVersionNew: 3,
      longRunningTimerIntervalDuration: '3.00:00:00',
      maximumShortTimerDuration: '6.00:00:00',
      defaultHttpAsyncRequestSleepTimeMillseconds: 30_000,
    };
    const returned = await replay(this.handler, payload);
    this.episodes.push({ payload, returned });
    for (const event of this.history) event.IsPlayed = INCOMING.has(event.EventType);
    const asked = activitiesOf(returned);
    for (const { name, input } of asked.slice(this.seen)) {
      const id = this.ids++;
      this.schedule(name, id);
      this.waiting.push({ name, input, id, attempt: 1 });
    }
    this.seen = asked.length;
    after();
    this.add(13);
  }
}
