import type { IngestDeps } from '../../activities/ingest/deps';
import type { Config } from '../../config';

/** What the HTTP and timer functions of the ingest path work with. */
export interface TriggerDeps extends IngestDeps {
  readonly config: Config;
}
