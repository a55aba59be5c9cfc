/** `durable`: the tiny app of `bench/apps/durable`. `headwater`: the built app itself. */
export type CloudApp = 'durable' | 'headwater';

/** A local cloud as the benches see it. */
export interface Cloud {
  /** `http://127.0.0.1:<port>` of the Functions host. */
  readonly hostUrl: string;
  /** Opens the Durable HTTP API. */
  readonly systemKey: string;
  /** Opens the app's own routes. */
  readonly functionKey: string;
  readonly blobConnectionString: string;
  readonly eventHubsConnectionString: string;
  readonly cosmosConnectionString: string;
  /** An event hub that is there. */
  readonly hub: string;
  /** Process ids by name of the service. */
  readonly processes: ReadonlyMap<string, number>;
  counters(): Promise<Counters>;
  /** Ends all processes and removes the store. */
  dispose(): Promise<void>;
}

/** What the services have counted since they started; null stands for what they cannot tell. */
export interface Counters {
  readonly historyRows: number | null;
  readonly storageTransactions: number | null;
  readonly eventHubOperations: number | null;
}

export async function startCloud(app: CloudApp, root: string): Promise<Cloud> {
  throw new Error(`not implemented: a local cloud for ${app} in ${root}`);
}
