import { setTimeout as sleep } from 'node:timers/promises';
import { random, type Random } from '../../tools/lib/random';
import { Lives } from '../support/durable-crash';

const LIVES = 4;
const PER_LIFE = { Work: 12, Family: 5 };
const STEPS = [1, 2, 3, 4, 5, 6, 7, 8, 10];
const EXPECTED_SUM = 55;
/** What each of a family's three rounds has seen: its four children, each once. */
const FAMILY = [11, 12, 13, 14, 21, 22, 23, 24, 31, 32, 33, 34];
/** A round's children: three side by side, one that fails and its second attempt, and one more. */
const KIDS_PER_ROUND = 5;

type Kind = keyof typeof PER_LIFE;

/** Instances that were asked for, and what was acknowledged. */
class Instances {
  readonly started = new Set<string>();
  readonly raised = new Set<string>();
  private readonly asked = new Set<string>();

  constructor(
    private readonly lives: Lives,
    private readonly source: Random,
  ) {}

  /** Starts instances, raises their events, and kills the process in the middle of it. */
  async live(number: number): Promise<void> {
    const life = await this.lives.begin();
    life.onMessage((message) => {
      if (message.type === 'started') this.started.add(message.id);
      if (message.type === 'raised' && message.result === 'done') this.raised.add(message.id);
    });
    for (const [name, count] of Object.entries(PER_LIFE)) {
      for (let i = 0; i < count; i++) {
        const id = `${name}-${number}-${i}`;
        this.asked.add(id);
        life.send({ type: 'start', id, name });
        if (name === 'Work' && this.source.next() < 0.5) life.send({ type: 'raise', id });
      }
    }
    await sleep(this.source.integer(20, 180));
    await life.kill();
  }

  of(kind: Kind): string[] {
    return [...this.started].filter((id) => id.startsWith(kind)).toSorted();
  }

  /** A start whose acknowledgement was lost may have happened, too. */
  unanswered(): string[] {
    return [...this.asked].filter((id) => !this.started.has(id));
  }
}

function expectAllSteps(ids: string[], lives: Lives): void {
  const ran = new Set(lives.lines('journal'));
  const missing = ids
    .flatMap((id) => STEPS.map((step) => `${id}/${step}`))
    .filter((entry) => !ran.has(entry));
  expect(missing).toEqual([]);
}

function expectEachKidOnce(lives: Lives): void {
  const families = lives.query("SELECT id FROM instances WHERE name = 'Family'").length;
  const kids = lives.query(
    "SELECT status, count(*) AS n FROM instances WHERE name = 'Kid' GROUP BY status ORDER BY 1",
  );
  const perStatus = { Completed: (KIDS_PER_ROUND - 1) * 3 * families, Failed: 3 * families };
  expect(Object.fromEntries(kids.map(({ status, n }) => [status, n]))).toEqual(perStatus);
  const histories = lives.query<{ events: string }>(
    "SELECT group_concat(events, ',') AS events FROM episodes JOIN instances ON seq = instance GROUP BY instance",
  );
  for (const { events } of histories) {
    const ends = (JSON.parse(`[${events}]`) as { TaskScheduledId?: number }[]).flatMap(
      ({ TaskScheduledId: id }) => id ?? [],
    );
    expect(ends).toEqual([...new Set(ends)]);
  }
}

test.each([1, 20_261_122])(
  "after kill -9 every acknowledged start completes, and each child's end is seen once (seed %d)",
  async (seed) => {
    const lives = new Lives(LIVES + 1);
    const instances = new Instances(lives, random(seed));
    try {
      for (let number = 0; number < LIVES; number++) await instances.live(number);
      const life = await lives.begin();
      const works = instances.of('Work');
      const families = instances.of('Family');
      expect(works.length).toBeGreaterThan(0);
      expect(families.length).toBeGreaterThan(0);
      const unanswered = instances.unanswered();
      for (const id of [...works, ...unanswered])
        if (!instances.raised.has(id)) life.send({ type: 'raise', id });
      const rows = await life.ends([...works, ...families, ...unanswered]);
      await life.leave();
      expect(rows.slice(0, works.length + families.length)).toEqual([
        ...works.map((id) => ({ id, status: 'Completed', output: String(EXPECTED_SUM) })),
        ...families.map((id) => ({ id, status: 'Completed', output: JSON.stringify(FAMILY) })),
      ]);
      expectAllSteps(works, lives);
      expectEachKidOnce(lives);
      expect(lives.query('SELECT * FROM inbox')).toEqual([]);
    } finally {
      await lives.dispose();
    }
  },
);
