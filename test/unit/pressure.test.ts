import { Pressure } from '../../src/activities/ingress/pressure';
import { Problem } from '../../src/domain/problem';

/** The stores as the pressure sees them; two partitions of which one is empty. */
function world() {
  const state = { now: 1_000_000, last: -1, head: 0, open: 0, waiting: 0, perPacket: 10, down: false };
  const answer = <T>(value: T): Promise<T> =>
    state.down ? Promise.reject(new Error('away')) : Promise.resolve(value);
  const pressure = new Pressure({
    hub: {
      partitions: () => answer(['0', '1']),
      createdOn: () => answer(new Date(0)),
      extent: (partition) => answer({ begin: 0, last: partition === '0' ? state.last : -1 }),
    },
    claims: { head: ({ partition }) => answer(partition === '0' ? state.head : undefined) },
    batches: { countOpen: () => answer(state.open) },
    packets: {
      get waiting() {
        return state.waiting;
      },
      get recordsPerPacket() {
        return state.perPacket;
      },
    },
    limits: { ingressLag: 1_000, batchesInFlight: 50, throttled: 20 },
    now: () => new Date(state.now),
  });
  /** What the door does, after the figures were measured again. */
  const door = async (): Promise<'open' | { code: string; retryAfter: number }> => {
    state.now += 2_000;
    await pressure.figures().catch(() => undefined);
    try {
      pressure.admit();
      return 'open';
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return { code: error.code, retryAfter: Number(error.headers['Retry-After']) };
    }
  };
  return { state, pressure, door };
}

describe('the doors', () => {
  test('close beyond the bound, and tell how long it takes at the rate of late', async () => {
    const { state, door } = world();
    state.last = 99;
    expect(await door()).toBe('open');
    state.last = 100;
    // Nothing was claimed so far: nobody knows.
    expect(await door()).toEqual({ code: 'overloaded', retryAfter: 5 });
    // 20 events of 10 records in 2 s; a third of it counts at first.
    state.last = 220;
    state.head = 20;
    expect(await door()).toEqual({ code: 'overloaded', retryAfter: Math.ceil((2_010 - 900) / 30) });
  });

  test('open by themselves, when there is some room', async () => {
    const { state, door } = world();
    state.last = 149;
    expect(await door()).not.toBe('open');
    state.head = 55;
    expect(await door()).not.toBe('open');
    state.head = 60;
    expect(await door()).toBe('open');
    state.last += 10;
    expect(await door()).toBe('open');
  });

  test('close when the store puts off too much, for ten seconds', async () => {
    const { state, pressure, door } = world();
    pressure.throttled(20);
    expect(await door()).toBe('open');
    pressure.throttled(1);
    expect(await door()).toEqual({ code: 'overloaded', retryAfter: 5 });
    for (let time = 0; time < 4; time++) await door();
    expect(await door()).toBe('open');
    pressure.throttled(1_000_000);
    expect(await door()).not.toBe('open');
    state.now += 10_000;
    expect(await door()).toBe('open');
  });

  test('close when the hub does not take what waits for it', async () => {
    const { state, door } = world();
    state.waiting = 33 * 1024 * 1024;
    expect(await door()).toEqual({ code: 'overloaded', retryAfter: 1 });
    state.waiting = 0;
    expect(await door()).toBe('open');
  });

  test('are open while nothing can be measured', async () => {
    const { state, pressure, door } = world();
    state.down = true;
    expect(await door()).toBe('open');
    await expect(pressure.figures()).rejects.toThrow('away');
  });
});

test('the figures are measured once a second, however often they are asked for', async () => {
  const { state, pressure } = world();
  state.last = 9;
  state.open = 3;
  const first = await pressure.figures();
  expect(first).toMatchObject({ lag: { events: 10, records: 100 }, batches: { inFlight: 3 } });
  state.last = 19;
  state.now += 500;
  expect(await pressure.figures()).toEqual(first);
  state.now += 1_000;
  expect(await pressure.figures()).toMatchObject({ lag: { events: 20 } });
});

test('a batch that is held back is told when there will be room', async () => {
  const { state, pressure, door } = world();
  state.open = 100;
  await door();
  expect(pressure.batchRetryAfter()).toBe(5);
  state.open = 80;
  await door();
  // Ten a second, of which a third counts at first: 80 are to become 45.
  expect(pressure.batchRetryAfter()).toBe(Math.ceil(35 / 3));
});
