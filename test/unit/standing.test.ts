import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { standing as blob } from '../conformance/blob/standing';
import { standing as cosmos } from '../conformance/cosmos/standing';
import { standing as durable } from '../conformance/durable/standing';
import { standing as eventhubs } from '../conformance/eventhubs/standing';
import { standing as functions } from '../conformance/functions/standing';

test.each(Object.entries({ blob, cosmos, durable, eventhubs, functions }))(
  'the README of %s names each deviation, and what is not implemented',
  (service, { deviations, notImplemented }) => {
    const readme = readFileSync(join(__dirname, '../../local', service, 'README.md'), 'utf8').replace(
      /\s+/g,
      ' ',
    );
    const named = [...deviations.map(({ what }) => what), ...notImplemented];
    expect(named.filter((words) => !readme.includes(words))).toEqual([]);
    expect(named.length).toBeGreaterThan(0);
    for (const { reason } of deviations) expect(reason).not.toBe('');
  },
);
