import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const root = join(__dirname, '../..');

/** A file of this path with this text, and the rule that must refuse it; without one it must be let through. */
interface Planted {
  readonly path: string;
  readonly text: string;
  readonly message?: string;
}

const value = (from: string): string => `import { x } from '${from}';\nexport const y = x;\n`;
const type = (from: string): string => `import type { X } from '${from}';\nexport type Y = X;\n`;
const uses = (expression: string): string => `export const y = () => ${expression};\n`;

const refused = (path: string, message: string, ...texts: string[]): Planted[] =>
  texts.map((text) => ({ path, text, message }));
const allowed = (path: string, ...texts: string[]): Planted[] => texts.map((text) => ({ path, text }));

const ALONE = 'src is deployed alone.';
const NO_IO = 'Orchestrators replay: no I/O.';
const BUILT = 'local loads the built app only.';
const ITSELF = 'A service imports itself and local/shared.';

const planted: readonly Planted[] = [
  // src is deployed alone, every part of it.
  ...[
    'src/x.ts',
    'src/domain/x.ts',
    'src/orchestrators/x.ts',
    'src/activities/x.ts',
    'src/clients/x.ts',
    'src/triggers/x.ts',
  ].flatMap((path) => {
    const up = '../'.repeat(path.split('/').length - 1);
    return ['local/start', 'tools/produce', 'bench/run', 'test/support/x', 'console/x'].flatMap((target) =>
      refused(path, ALONE, value(up + target), type(up + target)),
    );
  }),
  ...refused('src/activities/ingest/deep.ts', ALONE, value('../../../local/shared/files')),

  // domain imports itself only, and has no clock, no randomness, no I/O.
  ...[
    '../activities/a',
    '../orchestrators/a',
    '../triggers/a',
    '../clients/blobs',
    '../config',
    '../main',
  ].flatMap((from) => refused('src/domain/x.ts', 'domain imports itself only.', value(from), type(from))),
  ...refused(
    'src/domain/ingest/x.ts',
    'domain imports itself only.',
    value('../../clients/blobs'),
    type('../../config'),
  ),
  ...['node:fs', 'fs', 'node:timers/promises', '@azure/cosmos', 'durable-functions', 'ajv'].flatMap((from) =>
    refused('src/domain/x.ts', 'domain does no I/O', value(from)),
  ),
  ...refused(
    'src/domain/x.ts',
    'hashes only',
    `import { randomUUID } from 'node:crypto';\nexport const y = randomUUID;\n`,
  ),
  ...refused('src/domain/x.ts', 'Rules take `now` as an argument.', uses('Date.now()')),
  ...refused('src/domain/x.ts', 'Rules are deterministic.', uses('Math.random()')),
  ...['process', 'fetch', 'setTimeout', 'setInterval', 'performance', 'crypto'].flatMap((name) =>
    refused('src/domain/x.ts', `'${name}'`, uses(name)),
  ),
  ...allowed(
    'src/domain/x.ts',
    value('./json'),
    value('canonicalize'),
    uses('new Date(0)'),
    uses('Math.max(1)'),
  ),
  ...allowed('src/domain/x.ts', `import { createHash } from 'node:crypto';\nexport const y = createHash;\n`),
  ...allowed('src/domain/ingest/x.ts', value('../keys'), value('./stamp')),

  // Orchestrators replay.
  ...refused('src/orchestrators/ingest/x.ts', 'by type only', value('../../activities/ingest')),
  ...refused('src/orchestrators/x.ts', 'by type only', value('../activities/ingest')),
  ...[
    '../clients/blobs',
    '../triggers/http',
    '../config',
    '../main',
    'node:crypto',
    'fs',
    '@azure/functions',
  ].flatMap((from) => refused('src/orchestrators/x.ts', NO_IO, value(from))),
  ...refused('src/orchestrators/x.ts', `'Date'`, uses('Date.now()'), uses('new Date()')),
  ...refused('src/orchestrators/x.ts', 'Orchestrators replay.', uses('Math.random()')),
  ...['process', 'fetch', 'setTimeout', 'setImmediate', 'crypto'].flatMap((name) =>
    refused('src/orchestrators/x.ts', `'${name}'`, uses(name)),
  ),
  ...allowed('src/orchestrators/ingest/x.ts', type('../../activities/ingest'), value('../activityCalls')),
  ...allowed('src/orchestrators/ingest/x.ts', value('../../domain/keys'), value('durable-functions')),

  // Activities, clients, triggers.
  ...['orchestrators/a', 'triggers/a', 'config', 'main'].flatMap((target) => [
    ...refused('src/activities/x.ts', 'activities import', value(`../${target}`)),
    ...refused('src/clients/x.ts', 'clients import', value(`../${target}`)),
  ]),
  ...refused(
    'src/clients/x.ts',
    'clients import',
    value('../activities/ingest'),
    type('../activities/ingest'),
  ),
  ...refused(
    'src/triggers/ingest/x.ts',
    'by name',
    value('../../orchestrators/ingest/ingestBatch'),
    value('../../main'),
  ),
  ...refused('src/triggers/ingest/x.ts', 'Only main reads', value('../../config')),
  ...allowed(
    'src/activities/ingest/x.ts',
    value('../../clients/once'),
    value('../../domain/keys'),
    value('node:timers/promises'),
  ),
  ...allowed('src/clients/x.ts', value('../domain/keys'), value('@azure/cosmos'), value('./once')),
  ...allowed('src/triggers/ingest/x.ts', type('../../config'), value('../../activities/ingest/closeBatch')),
  ...allowed(
    'src/x.ts',
    value('./config'),
    value('./orchestrators/ingest/ingestBatch'),
    value('./triggers/http'),
  ),

  // The local cloud loads the built app, and its services do not know each other.
  ...[
    'local/x.ts',
    'local/shared/x.ts',
    'local/blob/x.ts',
    'local/eventhubs/x.ts',
    'local/cosmos/x.ts',
    'local/durable/x.ts',
    'local/functions/x.ts',
  ].flatMap((path) => {
    const up = '../'.repeat(path.split('/').length - 1);
    return [
      'src/main',
      'src/domain/keys',
      'dist/main',
      'tools/produce',
      'bench/run',
      'test/support/x',
    ].flatMap((target) => refused(path, BUILT, value(up + target)));
  }),
  ...refused('local/blob/operations/x.ts', BUILT, value('../../../src/domain/keys')),
  ...['blob', 'eventhubs', 'cosmos', 'functions', 'durable'].flatMap((service) => [
    ...refused(
      'local/shared/x.ts',
      'shared knows no service.',
      value(`../${service}/server`),
      type(`../${service}`),
    ),
    ...['blob', 'eventhubs', 'cosmos', 'durable']
      .filter((other) => other !== service)
      .flatMap((other) => [
        ...refused(`local/${other}/x.ts`, ITSELF, value(`../${service}/server`), type(`../${service}`)),
        ...refused(`local/${other}/store/x.ts`, ITSELF, value(`../../${service}/server`)),
      ]),
    ...allowed(`local/${service}/x.ts`, value('../shared/files'), value('./store/x')),
    ...allowed(`local/${service}/store/x.ts`, value('../../shared/files'), value(`../../${service}/server`)),
  ]),
  ...['blob', 'eventhubs', 'cosmos', 'start'].flatMap((service) =>
    refused('local/functions/x.ts', 'The Functions host imports', value(`../${service}`)),
  ),
  ...refused('local/blob/x.ts', ITSELF, value('../start')),
  ...refused('local/shared/x.ts', 'shared knows no service.', value('../start')),
  ...allowed('local/functions/x.ts', value('../durable')),
  ...allowed('local/start.ts', value('./blob/server'), value('./durable')),

  // What people run sees domain types and the local cloud as a whole.
  ...['activities/ingest', 'clients/blobs', 'main', 'config', 'orchestrators/x', 'triggers/http'].flatMap(
    (target) => [
      ...refused('tools/x.ts', 'see domain types only', value(`../src/${target}`)),
      ...refused('bench/lib/x.ts', 'see domain types only', value(`../../src/${target}`)),
    ],
  ),
  ...refused('tools/x.ts', 'domain types only.', value('../src/domain/keys')),
  ...refused('tools/lib/x.ts', 'as a whole', value('../../local/blob/server')),
  ...refused('tools/x.ts', 'Nothing imports', value('../test/support/x'), value('../bench/run')),
  ...refused('bench/x.ts', 'Nothing imports', value('../test/support/x')),
  ...allowed(
    'tools/x.ts',
    type('../src/domain/ingest/batch'),
    value('../local/start'),
    value('../local/shared/listen'),
  ),
  ...allowed('bench/x.ts', value('../tools/lib/products')),
];

interface Diagnostic {
  readonly message: string;
  readonly code: string;
  readonly help?: string;
  readonly filename: string;
}

/** Each in a file of its own, one run for all: `src/domain/x.ts` becomes `src/domain/x17.ts`. */
function lint(files: readonly Planted[]): string[][] {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-lint-'));
  try {
    copyFileSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
    const paths = files.map(({ path }, at) => path.replace(/\.ts$/, `${at}.ts`));
    files.forEach(({ text }, at) => {
      const path = join(folder, paths[at]!);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    });
    const oxlint = join(root, 'node_modules/oxlint/bin/oxlint');
    const run = spawnSync(process.execPath, [oxlint, '--format', 'json'], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    const { diagnostics } = JSON.parse(run.stdout) as { diagnostics: Diagnostic[] };
    const restricted = diagnostics.filter(({ code }) => code.includes('no-restricted'));
    return paths.map((path) =>
      restricted
        .filter(({ filename }) => filename === path)
        .map(({ message, help }) => `${message} ${help ?? ''}`),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('the lint refuses what crosses a line, and nothing else', () => {
  const found = lint(planted);
  const wrong = planted.flatMap(({ path, text, message }, at) => {
    const messages = found[at] ?? [];
    const isRight =
      message === undefined ? messages.length === 0 : messages.some((one) => one.includes(message));
    return isRight ? [] : [{ path, text, expected: message ?? 'nothing', messages }];
  });
  expect(wrong).toEqual([]);
  expect(planted.length).toBeGreaterThan(200);
});
