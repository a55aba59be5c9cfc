import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LoadLog, readLog } from '../../../tools/lib/load/log';

const folder = mkdtempSync(join(tmpdir(), 'headwater-load-log-'));
afterAll(() => rmSync(folder, { recursive: true }));

const header = { dataset: 'products', seed: 1, ids: 2, rate: 3, begin: 4.5 };

test('what is written is read, in order', async () => {
  const file = join(folder, 'good');
  const log = new LoadLog(file, header);
  for (let index = 0; index < 10_000; index++) {
    if (index % 7 === 0) log.unknown(index);
    log.accepted(index, `id-${index}`, index * 1.4);
  }
  await log.close();
  const read = await readLog(file);
  expect(read.header).toEqual(header);
  const lines = await Array.fromAsync(read.lines);
  expect(lines).toHaveLength(10_000 + 1_429);
  expect(lines.slice(0, 3)).toEqual([
    { kind: 'unknown', index: 0 },
    { kind: 'accepted', index: 0, id: 'id-0', at: 0 },
    { kind: 'accepted', index: 1, id: 'id-1', at: 1 },
  ]);
});

test('a log that ends in the middle of a line is none', async () => {
  const file = join(folder, 'cut');
  writeFileSync(file, `${JSON.stringify(header)}\n0 id-0 1\n1 id-`);
  await expect(readLog(file).then(({ lines }) => Array.fromAsync(lines))).rejects.toThrow('1 id-');
});

test('a log that cannot be written is an error', async () => {
  const log = new LoadLog(join(folder, 'none', 'log'), header);
  log.unknown(1);
  await expect(log.close()).rejects.toThrow('ENOENT');
});
