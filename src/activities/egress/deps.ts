import type { Deliveries } from '../../clients/deliveries';
import type { Documents } from '../../clients/documents';
import type { Subscriptions } from '../../clients/subscriptions';
import type { Webhooks } from '../../clients/webhooks';
import type { Subscription } from '../../domain/egress/subscription';
import type { Priority } from '../priority';
import type { RecentDocuments } from './recent';
import type { Wake } from './wake';

/** The part of the configuration that deliveries depend on; see `docs/configuration.md`. */
export interface EgressSettings {
  readonly source: string;
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly firstWaitMs: number;
  readonly waitFactor: number;
  readonly disableAfterMs: number;
  readonly attemptTtlSeconds: number;
  readonly lanes: number;
  readonly slots: number;
}

/** What the change feed and the drains work with. */
export interface EgressDeps {
  readonly egress: EgressSettings;
  readonly subscriptions: Subscriptions;
  readonly deliveries: Deliveries;
  readonly documents: Pick<Documents, 'readAcross' | 'page'>;
  readonly recent: RecentDocuments;
  readonly webhooks: Webhooks;
  /** The secrets that a subscription's requests are signed with, newest first. */
  readonly secretsOf: (subscription: Subscription, now: Date) => readonly string[];
  readonly wake: Wake;
  readonly priority: Pick<Priority, 'held' | 'heldUntil' | 'turn'>;
  readonly now: () => Date;
}
