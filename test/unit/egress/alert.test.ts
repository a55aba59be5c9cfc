import { Webhook } from 'standardwebhooks';
import { sendAlert } from '../../../src/activities/egress/alert';
import type { EgressDeps } from '../../../src/activities/egress/deps';
import type { WebhookOutcome, WebhookRequest } from '../../../src/domain/egress/delivery';
import { newSecret } from '../../../src/domain/egress/signature';
import type { Subscription } from '../../../src/domain/egress/subscription';
import { SubscriptionsModel } from '../../support/deliveries-model';
import { aSubscription } from '../../support/egress';

const SECRET = newSecret(Buffer.alloc(32, 9));
const ID = 'ab'.repeat(16);

const SUBSCRIPTION = aSubscription(ID, {
  alertUrl: 'https://alerts.example/here',
  status: 'disabled',
  reason: 'The receiver answered 410: it is gone.',
  alert: { id: 'first', reason: 'It is gone.', at: '2026-11-22T08:00:00.000Z', attempts: 0, due: 0 },
});

function setUp(answer: () => WebhookOutcome) {
  const subscriptions = new SubscriptionsModel();
  subscriptions.put(SUBSCRIPTION);
  const requests: WebhookRequest[] = [];
  const deps = {
    egress: { source: 'urn:test', attempts: 3, firstWaitMs: 1_000, waitFactor: 2 },
    subscriptions,
    webhooks: {
      send: (request: WebhookRequest) => {
        requests.push(request);
        return Promise.resolve(answer());
      },
    },
    secretsOf: () => [SECRET],
    now: () => new Date(),
  } as unknown as EgressDeps;
  const stored = async (): Promise<Subscription> =>
    (await subscriptions.read(ID))?.subscription as Subscription;
  return { deps, requests, subscriptions, stored };
}

const answered = (status: number): WebhookOutcome => ({
  type: 'answered',
  status,
  headers: {},
  body: '',
  durationMs: 1,
});

test('a notice is signed, goes to the address for notices, and is done when it was taken', async () => {
  const { deps, requests, stored } = setUp(() => answered(204));
  await sendAlert(deps, SUBSCRIPTION);
  const [request] = requests;
  expect(request).toMatchObject({ method: 'POST', url: SUBSCRIPTION.alertUrl });
  const event: unknown = new Webhook(SECRET).verify(request?.body ?? '', { ...request?.headers });
  expect(event).toMatchObject({
    type: 'headwater.subscription.alert',
    subject: ID,
    data: { reason: 'It is gone.' },
  });
  expect((await stored()).alert).toBeUndefined();
  expect((await stored()).status).toBe('disabled');
});

test('one that is not taken is sent again later, under the same id, and given up in the end', async () => {
  const { deps, requests, stored } = setUp(() => answered(500));
  const before = Date.now();
  for (let attempts = 1; attempts < 3; attempts++) {
    await sendAlert(deps, await stored());
    expect((await stored()).alert).toMatchObject({ id: 'first', attempts });
    // A fifth less than the pause, at least.
    expect((await stored()).alert?.due).toBeGreaterThanOrEqual(before + 800);
  }
  await sendAlert(deps, await stored());
  expect((await stored()).alert).toBeUndefined();
  const ids = requests.map(({ headers }) => headers['webhook-id']);
  expect(new Set(ids).size).toBe(1);
  expect(ids).toHaveLength(3);
});

test('a notice that came meanwhile is not lost', async () => {
  const { deps, subscriptions, stored } = setUp(() => answered(204));
  const later = { id: 'second', reason: 'Again.', at: '', attempts: 0, due: 0 };
  subscriptions.put({ ...SUBSCRIPTION, alert: later });
  await sendAlert(deps, SUBSCRIPTION);
  expect((await stored()).alert).toEqual(later);
});

test('without an address nothing is sent', async () => {
  const { deps, requests, subscriptions, stored } = setUp(() => answered(204));
  const { alertUrl: _alertUrl, ...silent } = SUBSCRIPTION;
  subscriptions.put(silent);
  await sendAlert(deps, silent);
  expect(requests).toEqual([]);
  expect((await stored()).alert).toBeUndefined();
});
