import { rmSync } from 'node:fs';
import { rounded, scaled, type Bench, type Context, type Figures } from './lib/bench';
import { temporaryState } from './lib/cloud';
import { blobRates } from './lib/endpoints/blob';
import { cosmosRates } from './lib/endpoints/cosmos';
import { hubRates } from './lib/endpoints/eventhubs';
import { findPeers, type Peer, type Peers } from './lib/endpoints/peers';
import type { Amount } from './lib/endpoints/rate';

export const endpoints: Bench = {
  name: 'endpoints',
  what: 'the stores alone, through the official SDKs, one after the other: Cosmos DB items upserted one by one (64 at a time) and in transactional batches of 90 (8 at a time), events of 1 KB published in batches of 100 (8 at a time) and one by one (64 at a time) and consumed by one consumer, blobs of 1 KB put and got (16 at a time); each a second, after a warm-up, the median of three runs (consuming: of one). Beside them, in the same run, Azurite and `@vercel/cosmosdb-server`, when they are installed (`npm ci --prefix bench/peers`).',
  measuresNot:
    'the endpoints by themselves: the SDKs in this process take most of the time. The peers promise less: a crash of Azurite loses blobs that it acknowledged, and the other keeps everything in memory.',
  thresholds: {
    cosmosBatchWrites: { min: 19_000 },
    hubPublished: { min: 34_000 },
    hubSingles: { min: 11_000 },
    hubConsumed: { min: 18_000 },
    blobPuts: { min: 1_250 },
    blobGets: { min: 1_120 },
  },

  async run(context) {
    const amount: Amount = (whole) => scaled(whole, context);
    const cloud = await context.startCloud('stores');
    let ours: Figures;
    try {
      const cosmos = await cosmosRates(cloud.cosmosConnectionString, amount);
      const hubs = await hubRates(cloud.eventHubsConnectionString, cloud.hub, amount);
      const blob = await blobRates(cloud.blobConnectionString, amount);
      ours = {
        cosmosUpserts: rounded(cosmos.upserts),
        cosmosBatchWrites: cosmos.batchWrites === null ? null : rounded(cosmos.batchWrites),
        hubPublished: rounded(hubs.published),
        hubSingles: rounded(hubs.singles),
        hubConsumed: rounded(hubs.consumed),
        blobPuts: rounded(blob.puts),
        blobGets: rounded(blob.gets),
      };
    } finally {
      await cloud.dispose();
    }
    const peers = findPeers(context.root);
    if (!peers) context.note('The peers are not installed: npm ci --prefix bench/peers');
    return { ...ours, ...(await peerFigures(context, peers, amount)) };
  },
};

async function peerFigures(context: Context, peers: Peers | undefined, amount: Amount): Promise<Figures> {
  if (!peers) return { azuritePuts: null, azuriteGets: null, cosmosServerUpserts: null };
  const folder = temporaryState(context.root, 'peers');
  try {
    const blob = await withPeer(await peers.azurite(folder), (to) => blobRates(to, amount));
    const cosmos = await withPeer(await peers.cosmosServer(), (to) => cosmosRates(to, amount));
    return {
      azuritePuts: rounded(blob.puts),
      azuriteGets: rounded(blob.gets),
      cosmosServerUpserts: rounded(cosmos.upserts),
      cosmosServerBatchWrites: cosmos.batchWrites === null ? null : rounded(cosmos.batchWrites),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function withPeer<T>(peer: Peer, measure: (connectionString: string) => Promise<T>): Promise<T> {
  try {
    return await measure(peer.connectionString);
  } finally {
    await peer.stop();
  }
}
