import type { Chains } from '../../activities/ingress/chain';
import type { Pressure } from '../../activities/ingress/pressure';
import type { Priority } from '../../activities/priority';
import type { IngressDeps } from '../../activities/ingress/deps';
import type { Packets } from '../../clients/packets';
import type { TriggerDeps } from '../ingest/deps';

/** What the records door and what is behind it work with. */
export interface IngressTriggerDeps {
  readonly ingest: TriggerDeps;
  readonly ingress: IngressDeps;
  readonly chains: Chains;
  readonly packets: Packets;
  readonly pressure: Pressure;
  readonly priority: Priority;
}
