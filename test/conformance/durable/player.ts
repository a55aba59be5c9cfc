import { setTimeout as sleepMs } from 'node:timers/promises';
import type { Answer } from '../../../local/durable';
import {
  normalise,
  sorted,
  type Exchange,
  type RecordedCall,
  type Recording,
} from '../../support/durable-golden';
import type { TestHost } from '../../support/durable-host';
import { httpDeviations, type HttpDeviation } from './deviations';

const ENDED = ['Completed', 'Failed', 'Terminated'];
const PATIENCE_MS = 2_500;
const POLL_MS = 3;

type Occurrence = Exchange & { key: string };

/** Labels repeat: the second one of the same name becomes `label#2`. */
export function numbered(exchanges: Exchange[]): Occurrence[] {
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
export class Player {
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
      if (deviation?.afterwards === 'hubIsEmptied') await this.emptyHub();
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

  /** Removes what the platform had removed, so that what follows meets the same task hub as there. */
  private async emptyHub(): Promise<void> {
    const { engine } = this.host;
    const { instances } = engine.list({ top: 1_000 });
    for (const { id } of instances) await engine.terminate(id, null);
    await engine.purgeBy({ createdFrom: 0 });
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
  if (wanted.instances !== undefined && Array.isArray(body))
    actual.instances = (body as { instanceId: string }[]).map(({ instanceId }) => instanceId);
  if (wanted.runtimeStatus !== undefined && runtimeStatus !== undefined) actual.runtimeStatus = runtimeStatus;
  if (wanted.output !== undefined) actual.output = output;
  if (wanted.events !== undefined && events) actual.events = events;
  return JSON.stringify(sorted(actual)) === JSON.stringify(sorted(wanted));
}
