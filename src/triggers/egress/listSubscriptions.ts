import type { HttpRequest } from '@azure/functions';
import type { SubscriptionStatus } from '../../domain/egress/subscription';
import { SUBSCRIPTION_ID } from '../../domain/egress/tokens';
import { Problem } from '../../domain/problem';
import { choiceParameter, integerParameter, page, type Handler } from '../http';
import type { SubscriptionDeps } from './deps';
import { describe } from './describe';

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;
const TOKEN = 'continuationToken';

const STATUSES: readonly SubscriptionStatus[] = ['pending', 'active', 'paused', 'disabled'];

/** `GET /api/subscriptions?status=&dataset=`, in the order of their ids. They are few: each page reads them all. */
export function createListSubscriptions({ subscriptions }: Pick<SubscriptionDeps, 'subscriptions'>): Handler {
  return async (request) => {
    const status = choiceParameter(request, 'status', STATUSES);
    const dataset = request.query.get('dataset');
    const size = integerParameter(request, 'maxpagesize', DEFAULT_PAGE, MAX_PAGE);
    const after = positionOf(request);
    const matching = Array.from(await subscriptions.all(), ({ subscription }) => subscription)
      .filter((one) => one.status !== 'deleted' && (status === undefined || one.status === status))
      .filter((one) => dataset === null || one.datasets.includes(dataset))
      .filter(({ id }) => id > after)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    const value = matching.slice(0, size);
    const last = matching.length > size ? value.at(-1) : undefined;
    return page(value.map(describe), last && nextLink(request, last.id));
  };
}

function positionOf(request: HttpRequest): string {
  const token = request.query.get(TOKEN);
  if (token === null) return '';
  if (SUBSCRIPTION_ID.test(token)) return token;
  throw new Problem('invalid-parameter', `"${TOKEN}" must be one that a nextLink holds.`, {
    parameter: TOKEN,
  });
}

function nextLink(request: HttpRequest, after: string): string {
  const url = new URL(request.url);
  url.searchParams.set(TOKEN, after);
  return url.href;
}
