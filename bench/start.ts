import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { product } from '../tools/lib/products';
import { rounded, type Bench } from './lib/bench';
import { temporaryState } from './lib/cloud';
import { httpClient } from './lib/http';
import { median, until } from './lib/work';

const POLL_MS = 20;
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
const RUNS = 3;

export const start: Bench = {
  name: 'start',
  what: `the built project on an empty store: seconds from the start command (\`node build/tools/start.js\`) to the first 202 for a posted batch, posted with the address and the key that the command prints, and tried every 20 ms; the median of ${RUNS} starts. \`printedSeconds\` is the time to the line with the address.`,
  measuresNot:
    'installation and compilation, nor how long the first batch takes to its verdict. The sample that the command ingests into an empty store is under way at the same time.',
  thresholds: { seconds: { max: 5 } },

  async run(context) {
    const bar = context.progress('start', RUNS);
    const runs: Started[] = [];
    for (let run = 0; run < RUNS; run++) {
      runs.push(await startOnce(context.root));
      bar.add();
    }
    bar.stop();
    const seconds = runs.map((one) => one.seconds);
    return {
      seconds: rounded(median(seconds)),
      printedSeconds: rounded(median(runs.map((one) => one.printedSeconds))),
      fastest: rounded(Math.min(...seconds)),
      slowest: rounded(Math.max(...seconds)),
    };
  },
};

interface Started {
  readonly seconds: number;
  readonly printedSeconds: number;
}

async function startOnce(root: string): Promise<Started> {
  const stateDir = temporaryState(root, 'start');
  const begin = performance.now();
  const child = spawn(
    process.execPath,
    [join(root, 'build', 'tools', 'start.js'), '--data', stateDir, '--port', '0', '--store-ports', '0,0,0'],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    const { url, key } = await printed(child);
    const printedSeconds = (performance.now() - begin) / 1_000;
    await accepted(url, key);
    return { seconds: (performance.now() - begin) / 1_000, printedSeconds };
  } finally {
    await stopped(child);
    rmSync(stateDir, { recursive: true, force: true });
  }
}

/** Where to post and with which key, as the command tells a person. */
function printed(child: ChildProcess): Promise<{ url: string; key: string }> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      const url = /^\s*API\s+(http:\/\/[\d.]+:\d+)/m.exec(text)?.[1];
      const key = /^\s*function key\s+(\S+)$/m.exec(text)?.[1];
      if (url !== undefined && key !== undefined) resolve({ url, key });
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`The start command ended with ${code}: ${text}`)));
  });
}

async function accepted(url: string, key: string): Promise<void> {
  const http = httpClient(url, 1);
  const body = `${JSON.stringify(product({ seed: 5, number: 0, updatedAt: '2026-01-05T06:00:00Z' }))}\n`;
  try {
    await until('The first 202', POLL_MS, START_TIMEOUT_MS, async () => {
      const reply = await http
        .send({
          method: 'POST',
          path: '/api/datasets/products/batches',
          headers: { 'x-functions-key': key, 'content-type': 'application/x-ndjson' },
          body,
        })
        .catch(() => undefined);
      return reply?.status === 202 ? true : undefined;
    });
  } finally {
    http.dispose();
  }
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGINT');
  const impatient = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exit;
  clearTimeout(impatient);
}
