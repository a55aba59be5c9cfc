import { createWebhooks } from '../../../src/clients/webhooks';
import { httpReceiver, post } from './receivers';

test('a name that is rebound to this machine is refused when it is dialled', async () => {
  const receiver = await httpReceiver((_, response) => response.end());
  const answers = ['192.0.2.1', '127.0.0.1'];
  const webhooks = createWebhooks({
    allowLocal: false,
    timeoutMs: 5_000,
    resolve: () => Promise.resolve([{ address: answers.pop() ?? '127.0.0.1', family: 4 }]),
  });
  expect(await webhooks.send(post(`https://receiver.example:${receiver.port}/`))).toMatchObject({
    type: 'failed',
    code: 'address-refused',
    message: 'receiver.example stands for 127.0.0.1, which is loopback.',
  });
  expect(receiver.connections()).toBe(0);
  await receiver.close();
});
