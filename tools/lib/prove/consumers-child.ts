/** The subscribers of a proof, in a process of their own: each writes down every change that it has accepted. */
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { Consumer, type Answer, type Entry } from '../consumer';
import { random } from '../random';
import type { ConsumerState, ConsumersRequest, ConsumerSettings } from './consumers';

interface Running {
  readonly consumer: Consumer;
  readonly log: WriteStream;
  /** The newest version accepted, by key. */
  readonly held: Map<string, number>;
  versions: number;
}

const running: Running[] = [];

async function open({ file, fail, seed }: ConsumerSettings): Promise<string> {
  const source = random(seed);
  const answer = (): Answer => (source.next() < fail ? { status: source.pick([400, 500]) } : { status: 204 });
  const log = createWriteStream(file);
  const one: Running = {
    consumer: new Consumer({ answer, onEntry: (entry) => note(one, entry) }),
    log,
    held: new Map(),
    versions: 0,
  };
  running.push(one);
  await one.consumer.start();
  return one.consumer.url;
}

function note(one: Running, { subject, version, at, verdict }: Entry): void {
  if (verdict === 'refused' || verdict === 'hanging') return;
  const before = one.held.get(subject) ?? 0;
  if (version > before) {
    one.held.set(subject, version);
    one.versions += version - before;
  }
  one.log.write(`${subject}\t${version}\t${at.toFixed(1)}\n`);
}

const stateOf = ({ consumer: { stats }, versions }: Running): ConsumerState => ({
  versions,
  received: stats.received,
  refused: stats.refused,
});

async function answer(request: ConsumersRequest): Promise<unknown> {
  if (request.call === 'open') return Promise.all(request.consumers.map(open));
  if (request.call === 'states') return running.map(stateOf);
  for (const { consumer, log } of running) {
    await consumer.close();
    log.end();
    await once(log, 'finish');
  }
  return true;
}

process.on('message', (request: ConsumersRequest & { id: number }) => {
  void answer(request).then(
    (value) => process.send?.({ id: request.id, value }),
    (error: unknown) => process.send?.({ id: request.id, error: String(error) }),
  );
});
// The proof has ended, in whatever way.
process.on('disconnect', () => process.exit(0));
