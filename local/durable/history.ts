/**
 * Durable Task history events as JSON texts, field for field as the platform sends them in the orchestration
 * trigger's payload. Texts instead of objects: they are written once, stored, and joined into payloads.
 * https://github.com/Azure/durabletask/tree/main/src/DurableTask.Core/History
 */
export const EventType = {
  ExecutionStarted: 0,
  ExecutionTerminated: 3,
  TaskScheduled: 4,
  TaskCompleted: 5,
  TaskFailed: 6,
  SubOrchestrationInstanceCreated: 7,
  SubOrchestrationInstanceCompleted: 8,
  SubOrchestrationInstanceFailed: 9,
  TimerCreated: 10,
  TimerFired: 11,
  OrchestratorStarted: 12,
  OrchestratorCompleted: 13,
  EventSent: 14,
  EventRaised: 15,
  GenericEvent: 17,
  ExecutionSuspended: 19,
  ExecutionResumed: 20,
} as const;

/** An event read back from its text: only what the engine looks at is named. */
export interface HistoryEvent {
  EventType: number;
  EventId: number;
  Timestamp: string;
  Name?: string;
  Version?: string | null;
  InstanceId?: string;
  Input?: string | null;
  Result?: string | null;
  Reason?: string | null;
  Details?: string | null;
  Data?: string | null;
  TaskScheduledId?: number;
  TimerId?: number;
  FireAt?: string;
}

const json = (value: string | null): string => (value === null ? 'null' : JSON.stringify(value));
const incoming = (at: string): string => `"EventId":-1,"IsPlayed":false,"Timestamp":"${at}"}`;
const PLAYED = '"IsPlayed":true,"Timestamp":';
const NOT_PLAYED = '"IsPlayed":false,"Timestamp":';

/**
 * The same event as later episodes see it. The platform marks incoming events of earlier episodes as played.
 * The mark is the last of the event's texts, behind all that a user's data may hold.
 */
export function asPlayed(event: string): string {
  const at = event.lastIndexOf(NOT_PLAYED);
  return event.slice(0, at) + PLAYED + event.slice(at + NOT_PLAYED.length);
}

export function orchestratorStarted(at: string): string {
  return `{"EventType":12,${incoming(at)}`;
}

export function orchestratorCompleted(at: string): string {
  return `{"EventType":13,${incoming(at)}`;
}

export interface Execution {
  id: string;
  name: string;
  execution: string;
  version: string | null;
  /** JSON text. */
  input: string | null;
  /** How often the id was started over. */
  generation: number;
  /**
   * Null for what was started. For an execution that continues another one: the external events that it takes over,
   * as JSON texts joined by commas.
   */
  carried: string | null;
  /** JSON text of {@link ParentInstance}; null for what has no parent. */
  parent: string | null;
  /** The instance that it was restarted from under an id of its own. */
  source: string | null;
  created: string;
}

/** Which task of which execution a sub-orchestration is, as the platform writes it into histories. */
export interface ParentInstance {
  Name: string;
  OrchestrationInstance: { InstanceId: string; ExecutionId: string };
  TaskScheduleId: number;
  Version: string | null;
}

export function parentOf({ parent }: { parent: string | null }): ParentInstance | undefined {
  return parent === null ? undefined : (JSON.parse(parent) as ParentInstance);
}

/** The platform numbers only the executions that a client started. */
export function generationOf({ generation, carried, parent }: Execution): number | null {
  return carried === null && parent === null ? generation : null;
}

/** The platform notes in a tag what an instance was restarted from. */
function tagsOf({ source }: Execution): string {
  return source === null ? 'null' : `{"MS_DurableFunctions_SourceInstanceId":${json(source)}}`;
}

export function executionStarted(of: Execution): string {
  return (
    `{"OrchestrationInstance":{"InstanceId":${json(of.id)},"ExecutionId":"${of.execution}"},"EventType":0,` +
    `"ParentInstance":${of.parent ?? 'null'},"Name":${json(of.name)},"Version":${json(of.version)},"Input":${json(of.input)},` +
    `"Tags":${tagsOf(of)},"Correlation":null,"ParentTraceContext":null,"ScheduledStartTime":null,` +
    `"Generation":${generationOf(of)},"GenerateNewTrace":false,${incoming(of.created)}`
  );
}

export function taskScheduled(id: number, name: string, at: string): string {
  return (
    `{"EventType":4,"Name":${json(name)},"Version":"","Input":null,"ParentTraceContext":null,"Tags":null,` +
    `"EventId":${id},"IsPlayed":false,"Timestamp":"${at}"}`
  );
}

/** @param result JSON text, or null when the activity returned nothing. */
export function taskCompleted(id: number, result: string | null, at: string): string {
  return `{"EventType":5,"TaskScheduledId":${id},"Result":${json(result)},${incoming(at)}`;
}

export function taskFailed(id: number, reason: string, details: string, at: string): string {
  return (
    `{"EventType":6,"TaskScheduledId":${id},"Reason":${json(reason)},"Details":${json(details)},` +
    `"FailureDetails":null,${incoming(at)}`
  );
}

/** @param instance the id of the sub-orchestration's instance */
export function childCreated(
  id: number,
  name: string,
  version: string | null,
  instance: string,
  at: string,
): string {
  return (
    `{"EventType":7,"Name":${json(name)},"Version":${json(version)},"InstanceId":${json(instance)},"Input":null,` +
    `"ClientSpanId":null,"Tags":null,"EventId":${id},"IsPlayed":false,"Timestamp":"${at}"}`
  );
}

/** @param result JSON text, or null when the sub-orchestration returned nothing. */
export function childCompleted(id: number, result: string | null, at: string): string {
  return `{"EventType":8,"TaskScheduledId":${id},"Result":${json(result)},${incoming(at)}`;
}

export function childFailed(id: number, reason: string | null, details: string | null, at: string): string {
  return (
    `{"EventType":9,"TaskScheduledId":${id},"Reason":${json(reason)},"Details":${json(details)},` +
    `"FailureDetails":null,${incoming(at)}`
  );
}

export function timerCreated(id: number, fireAt: string, at: string): string {
  return `{"EventType":10,"FireAt":"${fireAt}","EventId":${id},"IsPlayed":false,"Timestamp":"${at}"}`;
}

/** @param created the platform stamps a fired timer with the time of its creation. */
export function timerFired(id: number, fireAt: string, created: string): string {
  return `{"EventType":11,"TimerId":${id},"FireAt":"${fireAt}",${incoming(created)}`;
}

/** @param input JSON text. */
export function eventRaised(name: string, input: string, at: string): string {
  return `{"EventType":15,"Name":${json(name)},"Input":${json(input)},"ParentTraceContext":null,${incoming(at)}`;
}

export function executionTerminated(reason: string | null, at: string): string {
  return `{"EventType":3,"Input":${json(reason)},${incoming(at)}`;
}

/** @param kind suspended or resumed. */
export function executionPaused(kind: 19 | 20, reason: string | null, at: string): string {
  return `{"EventType":${kind},"Reason":${json(reason)},${incoming(at)}`;
}

export function isFailure({ EventType: type }: HistoryEvent): boolean {
  return type === EventType.TaskFailed || type === EventType.SubOrchestrationInstanceFailed;
}

/**
 * What the platform puts where it has taken an event from a history, and the message that revives an instance.
 *
 * @param id -1 for what came from outside, else the id of the task that had been scheduled
 */
export function genericEvent(data: string | null, id: number, at: string, isPlayed = false): string {
  return `{"Data":${json(data)},"EventType":17,"EventId":${id},"IsPlayed":${isPlayed},"Timestamp":"${at}"}`;
}

/** The platform's limits for timers: https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-timers */
const PAYLOAD_TAIL =
  '"upperSchemaVersion":1,"upperSchemaVersionNew":3,' +
  '"longRunningTimerIntervalDuration":"3.00:00:00","maximumShortTimerDuration":"6.00:00:00",' +
  // The misspelling is the platform's.
  '"defaultHttpAsyncRequestSleepTimeMillseconds":30000}';

/** The orchestration trigger's payload. `events` are the history's events after the first OrchestratorStarted. */
export function triggerPayload(
  of: Execution,
  firstStarted: string,
  isFirstEpisode: boolean,
  events: string,
): string {
  const start = isFirstEpisode ? executionStarted(of) : asPlayed(executionStarted(of));
  const parent = parentOf(of)?.OrchestrationInstance.InstanceId ?? null;
  const history = `${orchestratorStarted(firstStarted)},${start}${events === '' ? '' : `,${events}`}`;
  return (
    `{"history":[${history}],"input":${of.input ?? 'null'},"instanceId":${json(of.id)},` +
    `"isReplaying":${!isFirstEpisode},"parentInstanceId":${json(parent)},` +
    `"sourceInstanceId":${json(of.source)},${PAYLOAD_TAIL}`
  );
}

/** `Details` of a failed activity: the platform's exception as it serializes it, without the .NET stack. */
export function failureDetails(message: string, stack: string): string {
  return JSON.stringify({
    $type: 'System.Exception, System.Private.CoreLib',
    ClassName: 'System.Exception',
    Message: message,
    Data: null,
    InnerException: {
      $type: 'Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException, Microsoft.Azure.WebJobs.Script',
      IsUserException: false,
      RemoteStackTrace: stack,
      RemoteMessage: message,
      RemoteTypeName: null,
      Message: `Result: Failure\nException: ${message}\nStack: ${stack}`,
      Data: { $type: 'System.Collections.ListDictionaryInternal, System.Private.CoreLib' },
      InnerException: null,
      HelpLink: null,
      Source: null,
      HResult: -2146233088,
      StackTrace: null,
    },
    HelpURL: null,
    StackTraceString: null,
    RemoteStackTraceString: null,
    RemoteStackIndex: 0,
    ExceptionMethod: null,
    HResult: -2146233088,
    Source: null,
    WatsonBuckets: null,
  });
}
