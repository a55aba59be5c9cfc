import { setTimeout as sleepMs } from 'node:timers/promises';
import type { Answer } from '../../../local/durable';
import { functions, loadSdk } from '../../support/durable-sdk';
import {
  normalise,
  readRecording,
  type Exchange,
  type RecordedCall,
  type Recording,
} from '../../support/durable-golden';
import { startTestHost, type Call, type TestHost } from '../../support/durable-host';
import { callDeviations, httpDeviations, type HttpDeviation } from './deviations';

const SCENARIOS = [
  '01-one-activity',
  '02-three-sequential',
  '03-fan-out',
  '04-failures',
  '05-retry',
  '06-timers',
  '07-events',
  '08-sub-orchestrations',
  '09-continue-as-new',
  '10-custom-status',
  '11-status',
  '12-start',
  '13-operations',
  '14-list',
  '15-purge',
  '16-entities',
  '17-call-http',
  '18-replays',
  '21-non-determinism',
  '24-pending-and-version',
  '25-start-over-running',
];
/** Activities that sleep do so in a fraction of the recorded time. */
const SLEEP_SCALE = 0.1;
/** Here an activity must outlast a wait of one second. */
const SLEEP_SCALES: Record<string, number> = { '12-start': 0.5 };
/** What does not do the same again is seen by a kept generator when its episode is verified. */
const VERIFY_EVERY: Record<string, number> = { '21-non-determinism': 1 };
const TASK_HUBS: Record<string, string> = { '14-list': 'L3190', '15-purge': 'L3190' };
const ENDED = ['Completed', 'Failed', 'Terminated'];
const PATIENCE_MS = 2_500;
const POLL_MS = 3;

const df = loadSdk();

/** Registers a recording's functions from their texts, which use a few helpers by name. */
function register(recording: Recording): void {
  functions.clear();
  const tries = new Map<string, number>();
  const sleep = (ms: number): Promise<void> =>
    sleepMs(ms * (SLEEP_SCALES[recording.scenario] ?? SLEEP_SCALE));
  const helpers = { df, tries, nd: tries, sleep, O: df.app.orchestration };
  for (const text of Object.values(recording.functions)) {
    // The texts are the project's own and lie in test/golden.
    // oxlint-disable-next-line typescript/no-implied-eval
    new Function(...Object.keys(helpers), text)(...Object.values(helpers));
  }
}

type Occurrence = Exchange & { key: string };

/** Labels repeat: the second one of the same name becomes `label#2`. */
function numbered(exchanges: Exchange[]): Occurrence[] {
  const seen = new Map<string, number>();
  return exchanges.map((exchange) => {
    const count = (seen.get(exchange.label) ?? 0) + 1;
    seen.set(exchange.label, count);
    return { ...exchange, key: count === 1 ? exchange.label : `${exchange.label}#${count}` };
  });
}

function instanceOf(path: string): string | undefined {
  return /^\/instances\/([^/?]+)/i.exec(path)?.[1];
}

function startedId(path: string): string | undefined {
  return /^\/orchestrators\/[^/?]+\/([^/?]+)/i.exec(path)?.[1];
}

function parse(text: string): unknown {
  return text === '' ? '' : (JSON.parse(text) as unknown);
}

interface Shown {
  status: number;
  headers: unknown;
  body: unknown;
}

function shown(answer: { status: number; headers: Record<string, string>; body: unknown }): Shown {
  return { status: answer.status, headers: normalise(answer.headers), body: normalise(answer.body) };
}

function ours(answer: Answer): Shown {
  return shown({ ...answer, body: parse(answer.body) });
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline && !(await condition())) await sleepMs(POLL_MS);
}

/** Plays a recording's exchanges against a host; each is sent when as many episodes have run as then. */
class Player {
  readonly differences: unknown[] = [];
  private readonly ids = new Map<string, string>();
  private readonly start = new Date().toISOString();
  private mid = '';

  constructor(
    private readonly recording: Recording,
    private readonly host: TestHost,
    private readonly alwaysReplay: boolean,
  ) {}

  /** Plays everything; gives up when too much is different already. */
  async play(): Promise<void> {
    for (const exchange of numbered(this.recording.http)) {
      const deviation = httpDeviations.find(
        ({ scenario, label, onlyKept }) =>
          scenario === this.recording.scenario && label === exchange.key && !(onlyKept && this.alwaysReplay),
      );
      if (this.differences.length > 2) return;
      await this.exchange(exchange, deviation);
    }
  }

  private async exchange(exchange: Occurrence, deviation: HttpDeviation | undefined): Promise<void> {
    if (exchange.key === 'prep later') {
      await sleepMs(2);
      this.mid = new Date().toISOString();
      await sleepMs(2);
    }
    const path = this.translate(exchange.path);
    if (exchange.method !== 'GET') await this.awaitEpisodes(exchange);
    const inAnyOrder = deviation?.ours === 'historyInAnyOrder';
    const comparable = (value: Shown): string =>
      JSON.stringify(sorted(inAnyOrder ? withSortedHistory(value) : value));
    const expected = comparable(shown({ ...exchange, body: this.translateDeep(exchange.body) }));
    const send = (): Promise<Answer> =>
      this.host.send(exchange.method, path, exchange.requestBody, exchange.requestHeaders);
    let answer = await send();
    const differs = typeof deviation?.ours === 'object' ? deviation.ours : undefined;
    const agrees = (): boolean =>
      differs ? matches(parse(answer.body), answer.status, differs) : comparable(ours(answer)) === expected;
    if (exchange.method === 'GET') {
      await until(async () => {
        if (agrees()) return true;
        answer = await send();
        return false;
      });
    }
    this.learn(exchange, answer);
    const wanted = comparable(shown({ ...exchange, body: this.translateDeep(exchange.body) }));
    const actual = comparable(ours(answer));
    if (differs ? !agrees() || actual === wanted : actual !== wanted) {
      this.differences.push({ label: exchange.key, path, actual, wanted: differs ?? wanted });
    }
  }

  /** Until as many episodes of the instance are stored as had run in the recording when this was sent. */
  private async awaitEpisodes({ at, path }: Exchange): Promise<void> {
    const id = instanceOf(path) ?? startedId(path);
    if (id === undefined) return;
    const starts = this.recording.http.filter((other) => other.at < at && startedId(other.path) === id);
    const since = starts.findLast(({ status }) => status === 202)?.at ?? 0;
    // The platform runs episodes for a suspended instance, too; here they wait.
    const suspended = this.recording.http.find(({ path: other }) =>
      other.startsWith(`/instances/${id}/suspend`),
    )?.at;
    const end = Math.min(at, suspended ?? at);
    const before = ({ at: called, instanceId, trigger }: RecordedCall): boolean =>
      trigger === 'orchestration' && instanceId === id && called < end && called >= since;
    const count = this.recording.calls.filter(before).length;
    const { engine } = this.host;
    await until(() => {
      const row = engine.find(decodeURIComponent(this.translate(id)));
      if (count === 0 || row === undefined) return count === 0;
      return ENDED.includes(row.status) || engine.history(row.seq).length >= count;
    });
  }

  private learn(exchange: Exchange, answer: Answer): void {
    const recorded = (exchange.body as { id?: string } | null)?.id;
    const { id } = (answer.body === '' ? {} : (parse(answer.body) ?? {})) as { id?: string };
    if (recorded !== undefined && id !== undefined) this.ids.set(recorded, id);
  }

  /** A text of the recording with the ids that were generated here. */
  translate(text: string): string {
    let translated = text.replace('{start}', this.start).replace('{mid}', this.mid);
    for (const [recorded, id] of this.ids) translated = translated.replaceAll(recorded, id);
    return translated;
  }

  private translateDeep(body: unknown): unknown {
    return JSON.parse(this.translate(JSON.stringify(body))) as unknown;
  }
}

/** The order of fields does not matter to anyone who reads JSON. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

/** Events of tasks that ran side by side come in any order. */
function withSortedHistory(value: Shown): Shown {
  const { historyEvents, ...rest } = value.body as { historyEvents?: unknown[] };
  const events = historyEvents?.map((event) => JSON.stringify(sorted(event))).toSorted();
  return { ...value, body: { ...rest, historyEvents: events } };
}

type Ours = Exclude<HttpDeviation['ours'], string>;

/** Whether an answer is what a deviation says that ours is. */
function matches(body: unknown, status: number, wanted: Ours): boolean {
  const { runtimeStatus, output, historyEvents } = (body === '' ? {} : body) as {
    runtimeStatus?: string;
    output?: unknown;
    historyEvents?: { EventType: string; FunctionName?: string; Result?: unknown }[];
  };
  const events = historyEvents?.map(({ EventType, FunctionName, Result }) =>
    [EventType, FunctionName, EventType === 'TaskCompleted' ? Result : undefined].filter(Boolean).join(' '),
  );
  const actual: Ours = { status };
  if (wanted.runtimeStatus !== undefined && runtimeStatus !== undefined) actual.runtimeStatus = runtimeStatus;
  if (wanted.output !== undefined) actual.output = output;
  if (wanted.events !== undefined && events) actual.events = events;
  return JSON.stringify(sorted(actual)) === JSON.stringify(sorted(wanted));
}

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
function recordedCalls(recording: Recording): Map<string, Compared[]> {
  return grouped(
    recording.calls.filter(({ trigger, payload }) => trigger === 'orchestration' && payload !== undefined),
    keyOf,
    ({ payload, returned, threw }) => ({ payload, returned, threw }),
  );
}

function actualCalls(calls: Call[]): Map<string, Compared[]> {
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
function lastEvents(calls: Compared[]): string[][] {
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

async function playScenario(scenario: string, alwaysReplay: boolean) {
  const recording = readRecording(scenario);
  register(recording);
  const host = startTestHost({
    alwaysReplay,
    verifyEvery: VERIFY_EVERY[scenario] ?? 5,
    taskHub: TASK_HUBS[scenario] ?? 'H3190d',
  });
  host.runner.recording = true;
  try {
    const player = new Player(recording, host, alwaysReplay);
    await player.play();
    return { recording, player, host, calls: actualCalls(host.runner.calls) };
  } finally {
    host.dispose();
  }
}

describe.each([
  ['kept generators', false],
  ['full replay in each episode', true],
])('recorded exchanges, %s', (_, alwaysReplay) => {
  test.each(SCENARIOS)('%s', async (scenario) => {
    const { recording, player, calls, host } = await playScenario(scenario, alwaysReplay);
    expect(player.differences).toEqual([]);
    if (!alwaysReplay) return;
    for (const [id, wanted] of recordedCalls(recording)) {
      const name = id.replace(/-[^-]*$/, '');
      const deviation = callDeviations.find((entry) => entry.scenario === scenario && entry.name === name);
      const actual = calls.get(player.translate(id)) ?? [];
      if (deviation?.compared === 'nothing') continue;
      if (deviation) expect(lastEvents(actual)).toEqual(lastEvents(wanted));
      else expect({ id, calls: actual }).toEqual({ id, calls: wanted });
    }
    expect(host.logged.filter((line) => line.includes('lost its worker'))).toEqual([]);
  });
});
