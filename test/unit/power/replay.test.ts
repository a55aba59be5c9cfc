import { random } from '../../../tools/lib/random';
import { chooseCuts, chooseSurvival } from '../../faults/power/cuts';
import { Promises } from '../../faults/power/promises';
import { Replay, type Step, StepReader } from '../../faults/power/replay';
import { hexadecimal as hex } from '../../faults/power/trace';

const DISK = '/t/disk';
const NOTES = '/t/notes';
let lines: string[];
beforeEach(() => {
  lines = [];
});

function call(text: string): void {
  lines.push(`9  1795370176.251602 ${text}`);
}

function note(what: object): void {
  call(`pwrite64(3<${hex(NOTES)}>, "${hex(`${JSON.stringify(what)}\n`)}", 9, 0) = 9`);
}

/** A store of one file that syncs each write before it answers. */
function recorded(): Step[] {
  const file = `4<${hex(`${DISK}/log`)}>`;
  call(`openat(AT_FDCWD<${hex('/')}>, "${hex(`${DISK}/log`)}", O_RDWR|O_CREAT, 0600) = ${file}`);
  call(`openat(AT_FDCWD<${hex('/')}>, "${hex(`${DISK}/log-shm`)}", O_RDWR|O_CREAT|O_APPEND, 0600) = 5`);
  call(`fsync(6<${hex(DISK)}>) = 0`);
  for (let n = 0; n < 20; n++) {
    note({ asked: n, writes: { [n]: `${n}` } });
    call(`pwrite64(${file}, "${hex(String.fromCharCode(65 + n))}", 1, ${n}) = 1`);
    call(`fdatasync(${file}) = 0`);
    note({ done: n });
  }
  const reader = new StepReader(DISK, NOTES);
  return lines.flatMap((line) => reader.read(line));
}

/** How many of the cuts lose something that was acknowledged. */
function losses(steps: Step[], ignores: (path: string) => boolean): number {
  const chance = random(1);
  const replay = new Replay({ path: DISK, steps, before: { image: [], notes: [] } }, ignores);
  return chooseCuts(steps, 50, chance).filter((cut) => {
    replay.advance(cut);
    const [log] = replay.disk.image(chooseSurvival(chance));
    const found = [...(log?.kind === 'file' ? log.bytes : [])].flatMap((byte, n): [string, string][] =>
      byte === 65 + n ? [[`${n}`, `${n}`]] : [],
    );
    return new Promises(replay.notes).faults(new Map(found)).length > 0;
  }).length;
}

test('calls and notes come in their order, without what is not modelled', () => {
  const kinds = recorded().map(({ kind }) => kind);
  expect(kinds.slice(0, 8)).toEqual([
    'change',
    'beginSync',
    'endSync',
    'note',
    'change',
    'beginSync',
    'endSync',
    'note',
  ]);
  expect(kinds).toHaveLength(3 + 20 * 5);
});

test('a store that syncs before it answers loses nothing', () => {
  expect(losses(recorded(), () => false)).toBe(0);
});

test.each(['log', 'disk'])('when the syncs of %s are ignored, losses are found', (name) => {
  expect(losses(recorded(), (path) => path.endsWith(name))).toBeGreaterThan(5);
});

test('cuts come anywhere, right after acknowledgements, and in starts and ends', () => {
  note({ turn: 'start' });
  const steps = recorded();
  const count = 300;
  const cuts = chooseCuts(steps, count, random(7));
  expect(cuts).toEqual(cuts.toSorted((a, b) => a - b));
  const isStart = (cut: number): boolean => cut <= steps.findIndex(({ kind }) => kind === 'beginSync') + 3;
  const isAfter = (cut: number): boolean => {
    const step = steps[cut - 1];
    return step?.kind === 'note' && 'done' in step.note;
  };
  for (const isOne of [isStart, isAfter, (cut: number) => !isStart(cut) && !isAfter(cut)]) {
    expect(cuts.filter(isOne).length).toBeGreaterThan(count / 6);
  }
});
