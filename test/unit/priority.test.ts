import { Priority } from '../../src/activities/priority';

/** A priority at a time of its own, on a machine that is used so much, by this process so much. */
function at(machine: number, own = 0.3) {
  const world = { now: 10_000, machine, own };
  const priority = new Priority(
    () => world.now,
    () => ({ own: world.own, machine: world.machine }),
  );
  return { world, priority };
}

/** The moments of two seconds in which egress may begin something, after ingest has gone on for eight others. */
function windows(machine: number): number[] {
  const { world, priority } = at(0.99);
  world.now = 19_900;
  priority.note();
  // Held back before that, since both wanted the machine.
  expect(priority.held).toBe(true);
  world.machine = machine;
  const open: number[] = [];
  for (world.now = 20_000; world.now < 30_000; world.now += 10) {
    priority.note();
    const until = priority.heldUntil();
    if (until > 0) expect([world.now + 100, Math.ceil(world.now / 1_000) * 1_000]).toContain(until);
    else if (world.now >= 28_000) open.push(world.now - 28_000);
  }
  return open;
}

describe('egress', () => {
  test('holds back while ingest goes on and the machine is in use', () => {
    const { world, priority } = at(0.9);
    expect(priority.held).toBe(false);
    priority.note();
    expect(priority.held).toBe(true);
    world.now += 400;
    expect(priority.held).toBe(true);
    world.now += 200;
    expect(priority.held).toBe(false);
  });

  test('does not hold back where there is time for both', () => {
    const { world, priority } = at(0.3);
    priority.note();
    expect(priority.heldUntil()).toBe(0);
    world.machine = 0.9;
    // Looked at again after a while only.
    world.now += 50;
    expect(priority.held).toBe(false);
    world.now += 50;
    expect(priority.held).toBe(true);
  });

  test('goes on when the machine has enough for both, not because it does little itself', () => {
    const { world, priority } = at(0.9);
    const held = () => {
      world.now += 100;
      priority.note();
      return priority.held;
    };
    expect(held()).toBe(true);
    world.own = 0.01;
    expect(held()).toBe(true);
    const heldFor = (ms: number) => {
      const end = world.now + ms;
      let isHeld = held();
      while (isHeld && world.now < end) isHeld = held();
      return isHeld;
    };
    world.machine = 0.6;
    expect(heldFor(5_000)).toBe(true);
    // Of the moments at which ingest alone is looked at, one by itself says little.
    world.machine = 0.3;
    world.now = 19_800;
    expect(heldFor(200)).toBe(true);
    expect(heldFor(5_000)).toBe(false);
    world.machine = 0.6;
    world.own = 0.3;
    expect(held()).toBe(false);
  });

  test('does not hold back where others keep the machine busy, and this process does little', () => {
    const { priority } = at(0.9, 0.05);
    priority.note();
    expect(priority.held).toBe(false);
  });

  test('holds back where its own process is busy', () => {
    const { priority } = at(0, 0.9);
    priority.note();
    expect(priority.held).toBe(true);
  });

  test('has a window in each second, so that it never stands still', () => {
    expect(windows(1)).toEqual([0, 10, 20, 30, 40, 1_000, 1_010, 1_020, 1_030, 1_040]);
  });

  test('has the more of each second, the more ingest leaves of the machine', () => {
    const opened = [0.95, 0.75, 0.7, 0.65, 0.5].map((machine) => windows(machine).length);
    expect(opened).toEqual(opened.toSorted((a, b) => a - b));
    expect(opened[0]).toBe(10);
    expect(opened.at(-1)).toBe(200);
    expect(new Set(opened).size).toBe(opened.length);
  });

  test('is given its part by what ingest uses alone, not by what both use', () => {
    const { world, priority } = at(0.99);
    let open = 0;
    for (world.now = 20_000; world.now < 30_000; world.now += 10) {
      priority.note();
      const isOpen = priority.heldUntil() === 0;
      world.machine = isOpen ? 1 : 0.65;
      if (isOpen && world.now >= 25_000) open++;
    }
    // 60 % of each second.
    expect(open).toBeGreaterThan(280);
    expect(open).toBeLessThan(310);
  });
});
