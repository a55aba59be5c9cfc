import type { ChangeEvent, ChangeKind } from './events';

/** What a consumer knows of a document. */
export interface Held {
  readonly subscription: string;
  readonly dataset: string;
  readonly subject: string;
  /** The newest version taken. */
  readonly version: number;
  readonly kind: ChangeKind;
  /** The document; undefined when it was removed or deleted. */
  readonly data: unknown;
}

/** How an event stands to those that came before it. */
export interface Arrival {
  /** How often this event has come, from 1. */
  readonly attempt: number;
  /** A request with a later version of the document came before: the sender should never do that. */
  readonly outOfOrder: boolean;
}

/** Ids that are remembered; an event that comes again after so many others would be taken for a new one. */
const MAX_IDS = 200_000;

/**
 * What a consumer has to keep: the newest version of each document, so that older ones are dropped, and the ids of
 * events taken, so that those which come again are. A removed document stays as its version, for the same reason.
 */
export class Holdings {
  private readonly held = new Map<string, Held>();
  private readonly newestSeen = new Map<string, number>();
  private readonly events = new Map<string, { times: number; taken: boolean }>();

  constructor(private readonly maxIds = MAX_IDS) {}

  /** Notes that an event has come, whatever is answered. */
  arrive(event: ChangeEvent): Arrival {
    const known = this.events.get(event.id);
    const times = (known?.times ?? 0) + 1;
    this.remember(event.id, { times, taken: known?.taken ?? false });
    const name = nameOf(event);
    const newest = this.newestSeen.get(name) ?? 0;
    this.newestSeen.set(name, Math.max(newest, event.version));
    return { attempt: times, outOfOrder: event.version < newest };
  }

  /** Takes an event; what it changes is visible at once. May be called twice for one event. */
  take(event: ChangeEvent): 'taken' | 'duplicate' | 'older' {
    const known = this.events.get(event.id);
    if (known?.taken) return 'duplicate';
    this.remember(event.id, { times: known?.times ?? 1, taken: true });
    const name = nameOf(event);
    // The same version may come under another id: a filter that changed takes it back, a replay says it again.
    if (event.version < (this.held.get(name)?.version ?? 0)) return 'older';
    const { subscription, dataset, subject, version, kind, data } = event;
    this.held.set(name, { subscription, dataset, subject, version, kind, data });
    return 'taken';
  }

  /** Every document ever told of, those that are gone included. */
  all(): Held[] {
    return [...this.held.values()];
  }

  /** The documents that are there. */
  documents(): Held[] {
    return this.all().filter(({ kind }) => kind === 'upserted');
  }

  private remember(id: string, state: { times: number; taken: boolean }): void {
    // The latest come last, so that the first is the one to forget.
    this.events.delete(id);
    this.events.set(id, state);
    if (this.events.size <= this.maxIds) return;
    for (const oldest of this.events.keys()) {
      this.events.delete(oldest);
      break;
    }
  }
}

// Neither an id of a subscription nor a data set's name has a blank.
const nameOf = ({ subscription, dataset, subject }: ChangeEvent): string =>
  `${subscription} ${dataset} ${subject}`;
