/** The consumers of a bench, in a process of their own: what they do must not hold up the load or the clock. */
import { Consumer } from '../../tools/lib/consumer';
import type { ReceiverOptions, ReceiverRequest, ReceiverState } from './receivers';

const consumers: Consumer[] = [];

async function open({ hang, ...options }: ReceiverOptions): Promise<string> {
  const consumer = await new Consumer({ ...options, ...(hang ? { answer: () => 'hang' } : {}) }).start();
  consumers.push(consumer);
  return consumer.url;
}

function stateOf({ stats, holdings }: Consumer): ReceiverState {
  const held = holdings.all();
  return { ...stats, documents: held.length, versions: held.reduce((sum, { version }) => sum + version, 0) };
}

async function answer(request: ReceiverRequest): Promise<unknown> {
  if (request.call === 'open') return Promise.all(request.receivers.map(open));
  if (request.call === 'states') return consumers.map(stateOf);
  const consumer = consumers[request.which];
  return request.call === 'log' ? consumer?.log : consumer?.holdings.all();
}

process.on('message', (request: ReceiverRequest) => {
  void answer(request).then(
    (value) => process.send?.({ id: request.id, value }),
    (error: unknown) => process.send?.({ id: request.id, error: String(error) }),
  );
});
// The bench has ended, in whatever way.
process.on('disconnect', () => process.exit(0));
