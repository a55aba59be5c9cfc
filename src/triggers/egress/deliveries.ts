import type { HttpRequest } from '@azure/functions';
import type { EgressDeps } from '../../activities/egress/deps';
import type { StoredRow } from '../../clients/storedRow';
import { mapLimited } from '../../clients/once';
import {
  rowId,
  rowPartition,
  SHARDS,
  shardPartition,
  type AttemptRecord,
  type DeliveryRow,
} from '../../domain/egress/row';
import { isSelected, STATUS_CHOICES, statusOf, type RowSelection } from '../../domain/egress/status';
import type { Subscription } from '../../domain/egress/subscription';
import { documentId, MAX_ID_BYTES } from '../../domain/keys';
import { choiceParameter, integerParameter, page } from '../http';
import { checkDataset, checkKey, checkSince, datasetsOf, invalidParameter } from './deliveryParameters';
import type { SubscriptionHandler } from './deps';

const DEFAULT_PAGE = 20;
const MAX_PAGE = 100;

/** Attempts that are shown of a row, the newest. */
export const SHOWN_ATTEMPTS = 20;

/** Rows whose attempts are read at the same time. */
const READS_AT_A_TIME = 8;

const TOKEN = 'continuationToken';

type ReadDeps = Pick<EgressDeps, 'deliveries' | 'now'>;

/** The row before the first one of a page. */
interface Position {
  readonly shard: number;
  readonly after?: string;
}

/** `GET /api/subscriptions/{id}/deliveries?status=&key=&dataset=&since=`: rows with their newest attempts. */
export function createListDeliveries(deps: ReadDeps): SubscriptionHandler {
  return async ({ subscription }, request) => {
    const parameter = <T>(name: string, check: (value: string) => T): T | undefined => {
      const text = request.query.get(name);
      return text === null ? undefined : check(text);
    };
    const selection: RowSelection = {
      dataset: parameter('dataset', checkDataset),
      status: choiceParameter(request, 'status', STATUS_CHOICES),
      since: parameter('since', checkSince),
    };
    const key = parameter('key', checkKey);
    const size = integerParameter(request, 'maxpagesize', DEFAULT_PAGE, MAX_PAGE);
    const from = parameter(TOKEN, positionOf) ?? { shard: 0 };
    const now = deps.now().getTime();
    // One more than asked for tells whether there is another page.
    const rows =
      key === undefined
        ? await readRows(deps, subscription.id, selection, now, from, size + 1)
        : (await rowsOfKey(deps, subscription, selection.dataset, key)).filter(({ row }) =>
            isSelected(row, selection, now),
          );
    // Of a key there is one row of each data set: a page takes all of them.
    const shown = key === undefined ? rows.slice(0, size) : rows;
    const value = await mapLimited(shown, READS_AT_A_TIME, ({ row }) => describeDelivery(deps, row, now));
    const last = shown.length < rows.length ? shown.at(-1)?.row : undefined;
    return page(value, last && nextLink(request, last));
  };
}

async function readRows(
  { deliveries }: ReadDeps,
  subscription: string,
  selection: RowSelection,
  now: number,
  from: Position,
  most: number,
): Promise<StoredRow[]> {
  const rows: StoredRow[] = [];
  for (let { shard } = from; shard < SHARDS && rows.length < most; shard++) {
    const after = shard === from.shard ? from.after : undefined;
    const pk = shardPartition(subscription, shard);
    rows.push(...(await deliveries.list(pk, selection, now, after, most - rows.length)));
  }
  return rows;
}

/** The rows about a key: one of each data set that has a document of it. */
export async function rowsOfKey(
  { deliveries }: ReadDeps,
  subscription: Subscription,
  dataset: string | undefined,
  key: string,
): Promise<StoredRow[]> {
  const datasets = dataset === undefined ? datasetsOf(subscription) : [dataset];
  const ids = datasets.map((name) => rowId(name, documentId(key)));
  const pk = rowPartition(subscription.id, key);
  return [...(await deliveries.read(ids.map((id) => ({ pk, id })))).values()];
}

/**
 * A row as the API shows it, with its newest attempts. What a receiver answered is anybody's text: it is shown as a
 * JSON string, cut when it was stored.
 */
export async function describeDelivery(
  { deliveries }: ReadDeps,
  row: DeliveryRow,
  now: number,
): Promise<Record<string, unknown>> {
  const attempts = row.last ? await deliveries.attemptsOf(row.pk, row.id, SHOWN_ATTEMPTS) : [];
  const status = statusOf(row, now);
  const { dataset, key, owed, settled, delivered, superseded, deadLettered, notOwed } = row;
  const { told, failures, due, deadLetter, last, replay } = row;
  return {
    dataset,
    key,
    status,
    version: owed,
    settledVersion: settled,
    deliveredVersions: delivered,
    superseded,
    deadLettered,
    notOwed,
    told,
    failures,
    nextAttemptAt: due === undefined || status === 'trying' ? undefined : new Date(due).toISOString(),
    replay,
    deadLetter: deadLetter && {
      version: deadLetter.version,
      kind: deadLetter.kind,
      at: deadLetter.at,
      reason: deadLetter.reason,
      replay: deadLetter.replay,
    },
    last,
    attempts: attempts.map(describeAttempt),
  };
}

function describeAttempt(attempt: AttemptRecord): Record<string, unknown> {
  const { at, kind, version, status, durationMs, error, answer, replay } = attempt;
  return { at, kind, version, status, durationMs, error, answer, replay };
}

const POSITION = /^([0-9])-([A-Za-z0-9_-]{1,1364})$/;
const ROW_ID = new RegExp(`^[!-~]{1,${MAX_ID_BYTES}}$`);

/** @throws Problem `invalid-parameter` */
function positionOf(token: string): Position {
  const [, shard = '', encoded = ''] = POSITION.exec(token) ?? [];
  const after = Buffer.from(encoded, 'base64url').toString('latin1');
  if (shard !== '' && Number(shard) < SHARDS && ROW_ID.test(after)) return { shard: Number(shard), after };
  throw invalidParameter(TOKEN, `"${TOKEN}" must be one that a nextLink holds.`);
}

function nextLink(request: HttpRequest, { id, pk }: DeliveryRow): string {
  const url = new URL(request.url);
  const shard = pk.slice(pk.lastIndexOf(':') + 1);
  url.searchParams.set(TOKEN, `${shard}-${Buffer.from(id, 'latin1').toString('base64url')}`);
  return url.href;
}
