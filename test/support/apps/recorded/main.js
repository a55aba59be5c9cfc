// The functions that were recorded on the platform, whose texts lie in test/golden.
const { readdirSync, readFileSync } = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const df = require('durable-functions');

const folder = path.join(__dirname, '../../../golden/durable');
const tries = new Map();
const helpers = { df, tries, nd: tries, sleep, O: df.app.orchestration };

// Recordings share functions, with the same text.
const texts = new Set();
for (const file of readdirSync(folder).filter((name) => /^\d.*\.json$/.test(name))) {
  const { functions = {} } = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
  for (const text of Object.values(functions)) texts.add(text);
}
// oxlint-disable-next-line typescript/no-implied-eval
for (const text of texts) new Function(...Object.keys(helpers), text)(...Object.values(helpers));
