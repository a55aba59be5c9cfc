import { createHash } from 'node:crypto';
import { CosmosClient, type Container } from '@azure/cosmos';
import { EventHubConsumerClient, type ReceivedEventData } from '@azure/event-hubs';
import type { Batch } from '../../../src/domain/ingest/batch';
import { Recount, type StoredDocument } from '../recount';
import { canonicalHash } from './content';
import type { BatchFact, ClaimFact, DocumentFact, HubEvent, HubPartition, Line, VerdictLine } from './facts';
import { linesOf } from './lines';

const HUB = 'ingress';
/** Blobs that are read at the same time. */
const LANES = 8;

/** Reads everything that a run has left, through the services' own SDKs. */
export class Stores {
  private readonly recount: Recount;
  private readonly cosmos: CosmosClient;

  /** @param settings the app's settings, with its connection strings */
  constructor(private readonly settings: Readonly<Record<string, string>>) {
    this.recount = new Recount(settings);
    this.cosmos = new CosmosClient(settings['Cosmos'] ?? '');
  }

  private container(id: string): Container {
    return this.cosmos.database('headwater').container(id);
  }

  private async query<T>(container: string, text: string): Promise<T[]> {
    const { resources } = await this.container(container).items.query<T>(text).fetchAll();
    return resources;
  }

  /** How far the claims reach, how many batches are not closed, how many versions there are. */
  async progress(): Promise<{ unclaimed: number; open: number; versions: number }> {
    const ends = await this.query<{ partition: string; last: number }>(
      'batches',
      'SELECT c.claim.partition, MAX(c.claim.last) AS last FROM c WHERE IS_DEFINED(c.claim.first) GROUP BY c.claim.partition',
    );
    const [open = 0] = await this.query<number>(
      'batches',
      'SELECT VALUE COUNT(1) FROM c WHERE c.status IN ("accepted", "running")',
    );
    const [versions = 0] = await this.query<number>(
      'documents',
      'SELECT VALUE SUM(c._hw.version) FROM c WHERE IS_DEFINED(c._hw)',
    );
    let unclaimed = 0;
    for (const { partition, begin, last } of await this.extents()) {
      const end = ends.find((one) => one.partition === partition)?.last ?? begin - 1;
      unclaimed += Math.max(0, last - end);
    }
    return { unclaimed, open, versions };
  }

  private async extents(): Promise<{ partition: string; begin: number; last: number }[]> {
    const client = this.hub();
    try {
      const ids = await client.getPartitionIds();
      return await Promise.all(
        ids.map(async (partition) => {
          const { beginningSequenceNumber: begin, lastEnqueuedSequenceNumber: last } =
            await client.getPartitionProperties(partition);
          return { partition, begin, last };
        }),
      );
    } finally {
      await client.close();
    }
  }

  private hub(): EventHubConsumerClient {
    const group = EventHubConsumerClient.defaultConsumerGroupName;
    return new EventHubConsumerClient(group, this.settings['EventHubs'] ?? '', HUB);
  }

  /** The whole hub. */
  async partitions(): Promise<HubPartition[]> {
    const client = this.hub();
    try {
      const partitions: HubPartition[] = [];
      for (const { partition, begin, last } of await this.extents())
        partitions.push({ partition, begin, last, events: await readEvents(client, partition, begin, last) });
      return partitions;
    } finally {
      await client.close();
    }
  }

  claims(): Promise<ClaimFact[]> {
    return this.query('batches', 'SELECT VALUE c.claim FROM c WHERE IS_DEFINED(c.claim.first)');
  }

  async documents(): Promise<DocumentFact[]> {
    const pages = this.container('documents')
      .items.query<StoredDocument>('SELECT c.data, c._hw FROM c WHERE IS_DEFINED(c._hw)')
      .getAsyncIterator();
    const documents: DocumentFact[] = [];
    for await (const { resources } of pages)
      for (const { data, _hw } of resources) {
        const { key, version, deleted, newest } = _hw;
        documents.push({ key, version, deleted, content: canonicalHash(data), newest });
      }
    return documents;
  }

  /** Every batch that was made of records of the door, with its archive and its verdicts. */
  async batches(): Promise<BatchFact[]> {
    const all = await this.query<Batch>('batches', 'SELECT * FROM c WHERE c.format = "records"');
    const facts: BatchFact[] = [];
    const next = all.values();
    const lane = async (): Promise<void> => {
      for (const batch of next) facts.push(await this.batch(batch));
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    return facts;
  }

  private async batch(batch: Batch): Promise<BatchFact> {
    const { id, status, accepted, requestCharge = 0, completedAt } = batch;
    const archived = await this.archived(batch);
    return {
      id,
      status,
      accepted,
      requestCharge,
      ...(completedAt === undefined ? {} : { completedAt: Date.parse(completedAt) }),
      ...(archived ? { archived } : {}),
      verdicts: await this.verdicts(id),
    };
  }

  /** Undefined: it is not there, or not what the batch says of it. */
  private async archived({
    archive,
    dataset,
    schemaVersion,
    bodySha256,
  }: Batch): Promise<Line[] | undefined> {
    const body = archive && (await this.recount.blob(archive.path));
    if (!body) return undefined;
    const sha256 = createHash('sha256').update(body).digest('hex');
    if (sha256 !== archive.sha256 || sha256 !== bodySha256 || body.length !== archive.bytes) return undefined;
    return linesOf(body, dataset, schemaVersion);
  }

  private async verdicts(id: string): Promise<VerdictLine[]> {
    const verdicts: VerdictLine[] = [];
    for (const name of await this.recount.blobNames('verdicts', `${id}/`)) {
      const text = (await this.recount.blob(`verdicts/${name}`))?.toString('utf8') ?? '';
      for (const line of text.split('\n')) if (line !== '') verdicts.push(JSON.parse(line) as VerdictLine);
    }
    return verdicts;
  }
}

function eventOf({ sequenceNumber, body, properties = {} }: ReceivedEventData): HubEvent {
  const { dataset, schemaVersion } = properties;
  return { sequenceNumber, lines: linesOf(body as Buffer, String(dataset), String(schemaVersion)) };
}

async function readEvents(
  client: EventHubConsumerClient,
  partition: string,
  begin: number,
  last: number,
): Promise<HubEvent[]> {
  if (last < begin) return [];
  const events: HubEvent[] = [];
  await new Promise<void>((resolve, reject) => {
    const subscription = client.subscribe(
      partition,
      {
        processEvents: async (received) => {
          for (const event of received) if (event.sequenceNumber <= last) events.push(eventOf(event));
          if ((events.at(-1)?.sequenceNumber ?? -1) >= last) await subscription.close().then(resolve, reject);
        },
        processError: async (error) => {
          await subscription.close();
          reject(error);
        },
      },
      {
        startPosition: { sequenceNumber: begin, isInclusive: true },
        maxBatchSize: 200,
        maxWaitTimeInSeconds: 2,
        skipParsingBodyAsJson: true,
      },
    );
  });
  return events;
}
