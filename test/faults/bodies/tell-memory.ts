/**
 * Preloaded into every process of the cloud. At SIGUSR2 it collects garbage and writes what is left to a file named by its
 * process in the folder `HEADWATER_MEMORY_DIR`: what grows there is held by somebody.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const folder = process.env['HEADWATER_MEMORY_DIR'] ?? '.';

process.on('SIGUSR2', () => {
  collect();
  // What had a finalizer is gone after the second time only.
  setImmediate(() => {
    collect();
    const file = join(folder, String(process.pid));
    writeFileSync(`${file}.new`, JSON.stringify(process.memoryUsage()));
    renameSync(`${file}.new`, file);
  });
});
