import { Priority } from '../../src/activities/priority';

/** A priority at a time of its own, on a machine that is used so much. */
function at(used: number) {
  const world = { now: 10_000, used };
  const priority = new Priority(
    () => world.now,
    () => world.used,
  );
  return { world, priority };
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
    world.used = 0.9;
    // Looked at again after a while only.
    world.now += 50;
    expect(priority.held).toBe(false);
    world.now += 50;
    expect(priority.held).toBe(true);
  });

  test('has a window in each second, so that it never stands still', () => {
    const { world, priority } = at(1);
    const open: number[] = [];
    for (world.now = 20_000; world.now < 22_000; world.now += 10) {
      priority.note();
      if (priority.heldUntil() === 0) open.push(world.now);
      else expect([world.now + 100, Math.ceil(world.now / 1_000) * 1_000]).toContain(priority.heldUntil());
    }
    expect(open).toEqual([0, 10, 20, 30, 40, 1_000, 1_010, 1_020, 1_030, 1_040].map((ms) => 20_000 + ms));
  });
});
