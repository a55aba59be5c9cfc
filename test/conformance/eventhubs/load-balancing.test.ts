import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventHubConsumerClient, type Subscription } from '@azure/event-hubs';
import { BlobCheckpointStore } from '@azure/eventhubs-checkpointstore-blob';
import { ContainerClient } from '@azure/storage-blob';
import { blobConnectionString, startBlob } from '../../../local/blob/server';
import type { Service } from '../../../local/shared/child';
import { onEachBackend } from './backends';

const IDS = ['0', '1', '2', '3'];
const STORAGE = { account: 'checkpoints', key: Buffer.alloc(64, 7).toString('base64') };

/** One consumer of several that share a hub, with what it owns and got. */
class Member {
  readonly owned = new Set<string>();
  readonly bodies: unknown[] = [];
  private waiting: (() => void)[] = [];
  private readonly client: EventHubConsumerClient;
  private readonly subscription: Subscription;

  constructor(connectionString: string, hub: string, container: ContainerClient) {
    this.client = new EventHubConsumerClient(
      '$Default',
      connectionString,
      hub,
      new BlobCheckpointStore(container),
      {
        loadBalancingOptions: {
          strategy: 'greedy',
          updateIntervalInMs: 100,
          partitionOwnershipExpirationIntervalInMs: 10_000,
        },
      },
    );
    this.subscription = this.client.subscribe(
      {
        processInitialize: async ({ partitionId }) => this.note(() => this.owned.add(partitionId)),
        processClose: async (_, { partitionId }) => this.note(() => this.owned.delete(partitionId)),
        processEvents: async (events, partition) => {
          const last = events.at(-1);
          if (!last) return;
          await partition.updateCheckpoint(last);
          this.note(() => this.bodies.push(...events.map(({ body }) => body as unknown)));
        },
        // A partition that another one takes ends its link here: that is how it moves.
        processError: async () => undefined,
      },
      { startPosition: { enqueuedOn: Date.now() - 1_000 }, maxBatchSize: 10 },
    );
  }

  private note(change: () => void): void {
    change();
    for (const wake of this.waiting.splice(0)) wake();
  }

  async until(holds: (member: this) => boolean): Promise<void> {
    while (!holds(this)) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  async close(): Promise<void> {
    await this.subscription.close();
    await this.client.close();
  }
}

onEachBackend('two consumers with a checkpoint store', (context) => {
  let dataDir: string;
  let storage: Service;
  let container: ContainerClient;
  const members: Member[] = [];

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'eventhubs-checkpoints-'));
    storage = await startBlob({ dataDir, port: 0, ...STORAGE });
    container = new ContainerClient(blobConnectionString({ port: storage.port, ...STORAGE }), 'checkpoints');
    await container.create();
  });
  afterAll(async () => {
    await Promise.all(members.map((member) => member.close()));
    await storage.dispose();
    await rm(dataDir, { recursive: true });
  });

  const joinIn = (): Member => {
    const member = new Member(context().connectionString(), context().hub, container);
    members.push(member);
    return member;
  };

  async function publish(name: string): Promise<string[]> {
    const producer = context().producer();
    const sent = IDS.map((id) => `${name}-${id}`);
    for (const [index, body] of sent.entries()) {
      await producer.sendBatch([{ body }], { partitionId: IDS[index]! });
    }
    return sent;
  }

  test('share the partitions; when one stops the other goes on from its checkpoints', async () => {
    const run = String(Date.now());
    const first = joinIn();
    await first.until(({ owned }) => owned.size === 4);
    const alone = await publish(`${run}-alone`);
    await first.until(({ bodies }) => alone.every((body) => bodies.includes(body)));

    const second = joinIn();
    await second.until(({ owned }) => owned.size === 2);
    await first.until(({ owned }) => owned.size === 2);
    expect([...first.owned, ...second.owned].sort()).toEqual(IDS);
    const shared = await publish(`${run}-shared`);
    await Promise.all(
      [first, second].map((one) =>
        one.until(({ owned, bodies }) => [...owned].every((id) => bodies.includes(`${run}-shared-${id}`))),
      ),
    );

    await first.close();
    await second.until(({ owned }) => owned.size === 4);
    const left = await publish(`${run}-left`);
    await second.until(({ bodies }) => left.every((body) => bodies.includes(body)));
    const all = [...first.bodies, ...second.bodies].filter((body) => String(body).startsWith(run));
    // Everything arrived, and nothing that a checkpoint covers came again.
    expect(all.map(String).sort()).toEqual([...alone, ...shared, ...left].sort());
  }, 30_000);
});
