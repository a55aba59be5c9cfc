import { ByteGate } from '../../src/activities/ingest/gate';

/** Work that goes on until it is told to end. */
function begin(gate: ByteGate, bytes: number) {
  const ending = Promise.withResolvers<void>();
  const one = { begun: false, end: ending.resolve, fail: ending.reject, done: Promise.resolve() };
  one.done = gate.run(bytes, async () => {
    one.begun = true;
    await ending.promise;
  });
  return one;
}

/** Long enough for everything that can go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('lets in what there is room for, in the order in which it came', async () => {
  const gate = new ByteGate(10);
  const works = [6, 4, 5, 1, 3].map((bytes) => begin(gate, bytes));
  const begun = () => works.map((work) => work.begun);
  expect(begun()).toEqual([true, true, false, false, false]);
  works[1]?.end();
  await settle();
  // The small ones behind would fit; they do not overtake.
  expect(begun()).toEqual([true, true, false, false, false]);
  works[0]?.end();
  await settle();
  expect(begun()).toEqual([true, true, true, true, true]);
});

test('what is larger than all goes in alone', async () => {
  const gate = new ByteGate(10);
  const [small, huge, next] = [begin(gate, 1), begin(gate, 1_000), begin(gate, 1)];
  await settle();
  expect([huge.begun, next.begun]).toEqual([false, false]);
  small.end();
  await settle();
  expect([huge.begun, next.begun]).toEqual([true, false]);
  huge.end();
  await settle();
  expect(next.begun).toBe(true);
});

test('work that fails gives its room back, and its error', async () => {
  const gate = new ByteGate(10);
  const [failing, next] = [begin(gate, 10), begin(gate, 10)];
  failing.fail(new Error('failed'));
  await expect(failing.done).rejects.toThrow('failed');
  await settle();
  expect(next.begun).toBe(true);
  next.end();
  await next.done;
});
