import { toSeconds } from './clock';
import { EventType, generationOf, isFailure, type HistoryEvent } from './history';
import { TERMINAL, type EpisodeRow, type InstanceRow } from './schema';

export interface StatusOptions {
  showInput: boolean;
  showHistory?: boolean;
  showHistoryOutput?: boolean;
}

/**
 * An instance's status as the Durable HTTP API shows it:
 * https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-http-api#get-instance-status
 * Input, output and custom status are stored as JSON texts and go in as they are.
 */
export function statusJson(row: InstanceRow, options: StatusOptions, episodes?: EpisodeRow[]): string {
  const version = row.version === null ? '' : `"version":${JSON.stringify(row.version)},`;
  const history =
    options.showHistory && episodes && row.status !== 'Pending'
      ? `,"historyEvents":${JSON.stringify(historyEvents(row, episodes, options))}`
      : '';
  return (
    `{"name":${JSON.stringify(row.name)},${version}"instanceId":${JSON.stringify(row.id)},` +
    `"runtimeStatus":"${row.status}","input":${(options.showInput ? row.input : null) ?? 'null'},` +
    `"customStatus":${row.custom ?? 'null'},"output":${row.output ?? 'null'},` +
    `"createdTime":"${toSeconds(row.created)}","lastUpdatedTime":"${toSeconds(row.updated)}"${history}}`
  );
}

type Shown = Record<string, unknown>;

/** Undefined fields are left out of the JSON. */
function hidden<T>(show: boolean | undefined, value: T): T | undefined {
  return show ? value : undefined;
}

function parsed(text: string | null | undefined): unknown {
  return text === null || text === undefined ? null : (JSON.parse(text) as unknown);
}

function started(row: InstanceRow, { showInput }: StatusOptions): Shown {
  return {
    EventType: 'ExecutionStarted',
    Input: hidden(showInput, row.input),
    Correlation: null,
    ParentTraceContext: null,
    ScheduledStartTime: null,
    Generation: generationOf(row),
    GenerateNewTrace: false,
    Timestamp: row.created,
    FunctionName: row.name,
  };
}

function ended(row: InstanceRow, { showHistoryOutput }: StatusOptions): Shown {
  return {
    EventType: 'ExecutionCompleted',
    OrchestrationStatus: row.status,
    Result: hidden(showHistoryOutput, parsed(row.output)),
    FailureDetails: null,
    Timestamp: row.updated,
  };
}

function completion(event: HistoryEvent, scheduled: HistoryEvent | undefined, options: StatusOptions): Shown {
  const failed = isFailure(event);
  const isTask = event.EventType === EventType.TaskFailed || event.EventType === EventType.TaskCompleted;
  return {
    EventType: `${isTask ? 'Task' : 'SubOrchestrationInstance'}${failed ? 'Failed' : 'Completed'}`,
    ...(failed
      ? { Reason: event.Reason, Details: event.Details, FailureDetails: null }
      : { Result: hidden(options.showHistoryOutput, parsed(event.Result)) }),
    Timestamp: event.Timestamp,
    ScheduledTime: scheduled && `${scheduled.Timestamp.slice(0, -1)}+00:00`,
    FunctionName: scheduled?.Name,
    InstanceId: scheduled?.InstanceId,
    Input: hidden(options.showInput, null),
  };
}

function other(event: HistoryEvent, options: StatusOptions): Shown | undefined {
  const { Timestamp } = event;
  switch (event.EventType) {
    case EventType.TaskScheduled: {
      const Input = hidden(options.showInput, null);
      return {
        EventType: 'TaskScheduled',
        Name: event.Name,
        Input,
        ParentTraceContext: null,
        Tags: null,
        Timestamp,
      };
    }
    case EventType.SubOrchestrationInstanceCreated: {
      const { Name, InstanceId } = event;
      const Input = hidden(options.showInput, null);
      return {
        EventType: 'SubOrchestrationInstanceCreated',
        Name,
        InstanceId,
        Input,
        ClientSpanId: null,
        Tags: null,
        Timestamp,
      };
    }
    case EventType.TimerCreated:
      return { EventType: 'TimerCreated', FireAt: event.FireAt, Timestamp };
    case EventType.TimerFired:
      return { EventType: 'TimerFired', FireAt: event.FireAt, Timestamp };
    case EventType.GenericEvent:
      return { EventType: 'GenericEvent', Data: event.Data, Timestamp };
    case EventType.EventRaised: {
      const Input = hidden(options.showInput, event.Input);
      return { EventType: 'EventRaised', Name: event.Name, Input, ParentTraceContext: null, Timestamp };
    }
    case EventType.ExecutionTerminated:
      return { EventType: 'ExecutionTerminated', Input: hidden(options.showInput, event.Input), Timestamp };
    case EventType.ExecutionSuspended:
      return { EventType: 'ExecutionSuspended', Reason: event.Reason, Timestamp };
    case EventType.ExecutionResumed:
      return { EventType: 'ExecutionResumed', Reason: event.Reason, Timestamp };
    default:
      return undefined;
  }
}

function isScheduled({ EventType: type }: HistoryEvent): boolean {
  return type === EventType.TaskScheduled || type === EventType.SubOrchestrationInstanceCreated;
}

/** The history as people read it: what was scheduled is merged into what completed it. */
function historyEvents(row: InstanceRow, episodes: EpisodeRow[], options: StatusOptions): Shown[] {
  const events = episodes.flatMap(({ events }) => JSON.parse(`[${events}]`) as HistoryEvent[]);
  const scheduled = new Map<number, HistoryEvent>();
  const completed = new Set<number>();
  for (const event of events) {
    if (isScheduled(event)) scheduled.set(event.EventId, event);
    if (event.TaskScheduledId !== undefined) completed.add(event.TaskScheduledId);
  }
  const shown = [started(row, options)];
  for (const event of events) {
    if (isScheduled(event) && completed.has(event.EventId)) continue;
    const line =
      event.TaskScheduledId === undefined
        ? other(event, options)
        : completion(event, scheduled.get(event.TaskScheduledId), options);
    if (line) shown.push(line);
  }
  if (TERMINAL.includes(row.status)) shown.push(ended(row, options));
  return shown;
}
