import type { Database } from '../../shared/database';
import type { Catalog } from '../store/catalog';
import type { Throttle } from '../throttle';

/** What every operation may use. */
export interface ServiceContext {
  readonly store: Database;
  readonly catalog: Catalog;
  readonly throttle: Throttle;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}
