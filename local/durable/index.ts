export { openEngine, type DurableEngine, type EngineOptions } from './engine';
export type { Answer, DurableRequest } from './answer';
export { createDurableHttp, RPC_PREFIX, type DurableHttp, type DurableHttpOptions } from './http';
export { clientBindingData, type LinkBase } from './links';
export {
  WorkerLostError,
  type ActivityReply,
  type CreateEpisodeRunner,
  type EpisodeMessage,
  type EpisodeReply,
  type InvokeOrchestrator,
  type Runner,
} from './runner';
export { readDurableSettings, type DurableSettings } from './settings';
export { createEpisodeRunner } from './worker';
