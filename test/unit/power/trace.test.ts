import { diskCall, pathOf, writtenBytes } from '../../faults/power/calls';
import { hexadecimal, type SystemCall, TraceReader } from '../../faults/power/trace';

const DISK = '/t/disk';
const hex = hexadecimal;
const fd = (number: number, path: string): string => `${number}<${hex(path)}>`;

function callsOf(...lines: string[]): { phase: string; line: number; call: SystemCall }[] {
  const reader = new TraceReader([DISK]);
  return lines.flatMap((line) => reader.read(line));
}

/** What the one call of a line does. */
function done(text: string) {
  const ended = callsOf(`7  1795370176.251602 ${text}`).find(({ phase }) => phase === 'end');
  return ended && diskCall(ended.call);
}

test('a call on one line begins and ends there', () => {
  const line = `925   1795370176.253964 pwrite64(${fd(23, `${DISK}/a`)}, "${hex('abc')}", 3, 512)      = 3`;
  const events = callsOf('925   1795370176.2 close(4) = 0', line);
  expect(events.map(({ phase, line }) => [phase, line])).toEqual([
    ['begin', 2],
    ['end', 2],
  ]);
  expect(diskCall(events[1]!.call)).toEqual({
    does: 'write',
    path: `${DISK}/a`,
    offset: 512,
    bytes: Buffer.from('abc'),
  });
});

test('a call that other threads interrupt ends where it is resumed', () => {
  const events = callsOf(
    `925   1795370176.1 fsync(${fd(22, `${DISK}/a`)} <unfinished ...>`,
    `926   1795370176.2 pwrite64(${fd(23, `${DISK}/b`)}, "${hex('x')}", 1, 0 <unfinished ...>`,
    '927   1795370176.2 +++ exited with 0 +++',
    '925   1795370176.3 <... fsync resumed>)    = 0',
    '926   1795370176.4 <... pwrite64 resumed>) = 1',
    '926   1795370176.5 <... futex resumed>) = 0',
  );
  expect(events.map(({ phase, line, call }) => [phase, call.name, line, pathOf(call)])).toEqual([
    ['begin', 'fsync', 1, `${DISK}/a`],
    ['begin', 'pwrite64', 2, `${DISK}/b`],
    ['end', 'fsync', 4, `${DISK}/a`],
    ['end', 'pwrite64', 5, `${DISK}/b`],
  ]);
  expect(events[0]).toMatchObject({ begun: 1 });
  expect(events[2]).toMatchObject({ begun: 1 });
});

test('what names change, and how far a write came, is read', () => {
  const at = `AT_FDCWD<${hex('/somewhere')}>`;
  const path = `"${hex(`${DISK}/a`)}"`;
  expect(done(`openat(${at}, ${path}, O_RDWR|O_CREAT|O_CLOEXEC, 0644) = ${fd(9, `${DISK}/a`)}`)).toEqual({
    does: 'open',
    path: `${DISK}/a`,
    creates: true,
    empties: false,
  });
  expect(done(`openat(${at}, ${path}, O_RDONLY) = ${fd(9, `${DISK}/a`)}`)).toBeUndefined();
  expect(
    done(`openat(${at}, ${path}, O_RDWR|O_CREAT) = -1 ENOSPC (No space left on device)`),
  ).toBeUndefined();
  expect(done(`mkdir(${path}, 0700) = 0`)).toEqual({ does: 'makeFolder', path: `${DISK}/a` });
  expect(done(`unlinkat(${fd(9, DISK)}, "${hex('a')}", 0) = 0`)).toEqual({
    does: 'remove',
    path: `${DISK}/a`,
  });
  expect(done(`rename(${path}, "${hex(`${DISK}/b`)}") = 0`)).toEqual({
    does: 'rename',
    path: `${DISK}/a`,
    to: `${DISK}/b`,
  });
  const pieces = `[{iov_base="${hex('ab')}", iov_len=2}, {iov_base="${hex('cd')}", iov_len=2}], 2, 70`;
  expect(done(`pwritev(${fd(9, `${DISK}/a`)}, ${pieces}) = 3`)).toMatchObject({
    offset: 70,
    bytes: Buffer.from('abc'),
  });
  expect(done(`ftruncate(${fd(9, `${DISK}/a`)}, 12) = 0`)).toEqual({
    does: 'truncate',
    path: `${DISK}/a`,
    size: 12,
  });
});

test('a file without a name, a failed call and one that the end of the process cut do nothing', () => {
  expect(done(`pwrite64(${fd(9, `${DISK}/a`)}(deleted), "${hex('x')}", 1, 0) = 1`)).toBeUndefined();
  expect(done(`fsync(${fd(9, `${DISK}/a`)}) = -1 EIO (Input/output error)`)).toBeUndefined();
  expect(done(`fsync(${fd(9, `${DISK}/a`)}) = ?`)).toBeUndefined();
});

test.each([
  `fallocate(${fd(9, `${DISK}/a`)}, 0, 0, 4096) = 0`,
  `mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, ${fd(9, `${DISK}/a`)}, 0) = 0x7f`,
  `openat(AT_FDCWD<${hex('/')}>, "${hex(`${DISK}/a`)}", O_WRONLY|O_CREAT|O_APPEND, 0644) = ${fd(9, `${DISK}/a`)}`,
  `linkat(AT_FDCWD<${hex('/')}>, "${hex(`${DISK}/a`)}", AT_FDCWD<${hex('/')}>, "${hex(`${DISK}/b`)}", 0) = 0`,
])('what the model has no place for is refused: %s', (text) => {
  expect(() => done(text)).toThrow('does not know');
});

test('a write that the trace has cut is refused', () => {
  const call = { name: 'pwrite64', args: `${fd(9, `${DISK}/a`)}, "${hex('abc')}"..., 5, 0`, result: '5' };
  expect(() => writtenBytes(call)).toThrow('-s must be larger');
});
