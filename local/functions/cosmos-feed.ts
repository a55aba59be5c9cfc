import { ChangeFeedMode, ChangeFeedStartFrom } from '@azure/cosmos';
import type {
  ChangeFeedIteratorOptions,
  ChangeFeedIteratorResponse,
  ChangeFeedPullModelIterator,
  Container,
  FeedRange,
} from '@azure/cosmos';
import type { FeedHttpClient, RawChanges } from './cosmos-feed-http';
import type { CosmosTrigger } from './cosmos-options';
import { changeFeedItems } from './cosmos-versions';

type Page = ChangeFeedIteratorResponse<unknown[]>;

/** What one request to the feed of a range brought. */
export interface FeedPage {
  /** Undefined: there is nothing new. */
  changes: RawChanges | undefined;
  /** The etag up to which the feed has been read with this page. */
  token: string;
}

const NOT_MODIFIED = 304;
/** Names the container by its resource id in every answer. */
const CONTENT_PATH = 'x-ms-content-path';

/** The container is another one than at the start of the feed, or there is none. */
export class ContainerGoneError extends Error {
  override readonly name = 'ContainerGoneError';
}

/** Reads the change feed of one range: what has changed since a token. */
export class FeedReader {
  private iterator: ChangeFeedPullModelIterator<unknown> | undefined;

  constructor(
    private readonly container: Container,
    /** What the container's client speaks through. */
    private readonly http: FeedHttpClient,
    /** Resource id of the container: one made anew under the same name has another. */
    private readonly rid: string,
    private readonly range: FeedRange,
    private readonly options: Pick<CosmosTrigger, 'mode' | 'start' | 'maxItems'>,
  ) {}

  /**
   * Reads on after the last page, or begins after `token`.
   * @throws {ContainerGoneError} when the container was deleted, also if there is a new one.
   * @throws when the store does not answer.
   */
  async next(token: string | undefined): Promise<FeedPage> {
    const { mode, maxItems } = this.options;
    this.iterator ??= this.container.items.getChangeFeedIterator({
      maxItemCount: maxItems,
      changeFeedMode: ChangeFeedMode[mode],
      changeFeedStartFrom:
        token === undefined ? this.from() : ChangeFeedStartFrom.Continuation(this.composite(token)),
    });
    try {
      const page = (await this.iterator.readNext()) as Page;
      const token = this.etag(page);
      if (page.statusCode === NOT_MODIFIED) return { changes: undefined, token };
      const changes = this.http.take(page.result[0]);
      return { changes: mode === 'LatestVersion' ? changes : changeFeedItems(changes), token };
    } catch (error) {
      this.reset();
      throw error;
    }
  }

  /** The next page begins after the token it is asked for. */
  reset(): void {
    this.iterator = undefined;
  }

  private from(): ChangeFeedIteratorOptions['changeFeedStartFrom'] {
    const { start } = this.options;
    if (start === 'now') return ChangeFeedStartFrom.Now(this.range);
    if (start === 'beginning') return ChangeFeedStartFrom.Beginning(this.range);
    return ChangeFeedStartFrom.Time(start, this.range);
  }

  /** The SDK's own token holds the etag, the range, and the container. */
  private composite(continuationToken: string): string {
    const { minInclusive, maxExclusive } = this.range;
    return JSON.stringify({
      rid: this.rid,
      Continuation: [{ minInclusive, maxExclusive, continuationToken }],
    });
  }

  private etag(page: Page): string {
    const { rid, Continuation } = JSON.parse(page.continuationToken) as {
      rid: string;
      Continuation: { continuationToken: string }[];
    };
    const path = page.headers[CONTENT_PATH];
    if (rid !== this.rid || (path !== undefined && path !== this.rid)) {
      throw new ContainerGoneError('The container was replaced by another one.');
    }
    const [only, ...others] = Continuation;
    if (!only || others.length > 0) throw new Error('The range was split, which is not implemented here.');
    return only.continuationToken;
  }
}
