import type { InvocationReply } from '../../../local/functions/protocol';
import { retryPolicy, runWithRetries } from '../../../local/functions/retry';

const failure: InvocationReply = { id: 1, ok: false, error: { name: 'Error', message: 'no', stack: '' } };
const endless = retryPolicy({ name: 'f', bindings: {}, retryOptions: { maxRetryCount: -1 } });

test('a policy without limit goes on until it succeeds', async () => {
  const counts: (number | undefined)[] = [];
  const outcome = await runWithRetries(
    endless,
    async (retry) => (counts.push(retry?.retryCount) < 50 ? failure : { id: 1, ok: true, returned: null }),
    async () => undefined,
    () => false,
  );
  expect(outcome).toEqual({ ok: true });
  expect(counts).toEqual(Array.from({ length: 50 }, (_, count) => count));
});

test.each(['attempt', 'pause'])('it ends with the host, when that stops in an %s', async (moment) => {
  let stopped = false;
  let attempts = 0;
  const outcome = await runWithRetries(
    endless,
    async () => {
      if (++attempts === 3 && moment === 'attempt') stopped = true;
      return failure;
    },
    async () => void (stopped ||= attempts === 3 && moment === 'pause'),
    () => stopped,
  );
  expect(outcome).toEqual({ ok: false, message: 'no' });
  expect(attempts).toBe(3);
});
