import type { WebhookOutcome } from '../../../src/domain/egress/delivery';
import { tokenHash } from '../../../src/domain/egress/tokens';
import { createSecrets } from '../../../src/clients/secrets';
import { byId } from '../../../src/triggers/egress/access';
import {
  createConfirmSubscription,
  createResumeSubscription,
  createTestSubscription,
} from '../../../src/triggers/egress/operations';
import { createPostSubscription, createPatchSubscription } from '../../../src/triggers/egress/subscriptions';
import {
  answered,
  bodyOf,
  context,
  deps,
  failed,
  ID,
  pending,
  request,
  StoreModel,
  subscription,
  tokenIn,
} from '../../support/subscriptions';

const ORIGIN = 'webhook-allowed-origin';
const RATE = 'webhook-allowed-rate';

/** Resumes a pending subscription whose receiver answers so. */
async function ask(options: WebhookOutcome, ping?: (token: string) => WebhookOutcome) {
  const store = new StoreModel();
  store.put(pending());
  const some = deps(store, (sent) =>
    sent.method === 'OPTIONS' ? options : (ping?.(tokenIn(sent)) ?? answered(200)),
  );
  const answer = await byId(some, createResumeSubscription(some))(request(), context);
  return { store, sent: some.sent, answer: bodyOf(answer) };
}

describe('the handshake', () => {
  test.each<[Record<string, string>, number | undefined]>([
    [{ [ORIGIN]: 'app.example' }, undefined],
    [{ [ORIGIN]: ' APP.example ', [RATE]: '120' }, 120],
    [{ [ORIGIN]: '*', [RATE]: '*' }, undefined],
    ...['0', '-5', '1.5', '1e3', '', 'many', '9999999999'].map(
      (rate): [Record<string, string>, undefined] => [{ [ORIGIN]: '*', [RATE]: rate }, undefined],
    ),
  ])('%j is a consent', async (headers, allowedRate) => {
    const { store, sent, answer } = await ask(answered(204, headers));
    expect(answer).toMatchObject({ status: 'active', consent: { method: 'handshake' } });
    expect(store.get().consent?.allowedRate).toBe(allowedRate);
    expect(sent).toEqual([
      { method: 'OPTIONS', url: store.get().url, headers: { 'WebHook-Request-Origin': 'app.example' } },
    ]);
  });

  test.each<[WebhookOutcome]>([
    [answered(204)],
    [answered(200, { [ORIGIN]: 'other.example' })],
    [answered(200, { [ORIGIN]: 'app.example.evil.example' })],
    [answered(200, { [ORIGIN]: '' })],
    [answered(404, { [ORIGIN]: '*' })],
    [answered(302, { [ORIGIN]: '*' })],
    [failed('timed-out')],
  ])('%j is none, and a ping follows', async (outcome) => {
    const { sent, answer, store } = await ask(outcome);
    expect(sent.map(({ method }) => method)).toEqual(['OPTIONS', 'POST']);
    expect(answer).toMatchObject({ status: 'pending' });
    expect(store.get()).toMatchObject({ terms: [] });
  });

  test('of an address that cannot be reached at all is not followed by a ping', async () => {
    for (const code of ['address-refused', 'name-not-resolved'] as const) {
      const { sent, answer } = await ask(failed(code));
      expect(sent).toHaveLength(1);
      expect(answer['reason']).toContain(code);
    }
  });
});

describe('the ping', () => {
  test.each<[string, (token: string) => string]>([
    ['as text', (token) => token],
    ['with blanks', (token) => `\r\n${token} `],
    ['as a JSON string', (token) => JSON.stringify(token)],
    ['as a member', (token) => JSON.stringify({ token })],
    ['as another member', (token) => JSON.stringify({ ok: true, challenge: token })],
  ])('is answered %s', async (_, body) => {
    const { answer } = await ask(answered(405), (token) => answered(200, {}, body(token)));
    expect(answer).toMatchObject({ status: 'active', consent: { method: 'ping' } });
  });

  test.each<[string, (token: string) => WebhookOutcome]>([
    ['with an error', (token) => answered(400, {}, token)],
    ['with a redirect', (token) => answered(307, {}, token)],
    ['with a part', (token) => answered(200, {}, token.slice(1))],
    ['with more', (token) => answered(200, {}, `${token}x`)],
    ['by an echo', (token) => answered(200, {}, JSON.stringify({ data: { token } }))],
    ['by a list', (token) => answered(200, {}, JSON.stringify([token]))],
    ['by null', () => answered(200, {}, 'null')],
    ['not at all', () => failed('no-answer')],
  ])('that is answered %s is no consent', async (_, ping) => {
    const { answer, store } = await ask(answered(405), ping);
    expect(answer).toMatchObject({ status: 'pending' });
    expect(String(answer['reason'])).toContain('ping');
    expect(store.get().consent).toBeUndefined();
  });

  test('what came is told in bounds', async () => {
    const long = 'ä\ud800"'.repeat(10_000);
    const { answer } = await ask(answered(500, {}, long), () => answered(200, {}, long));
    expect(String(answer['reason']).length).toBeLessThan(1_000);
    expect(String(answer['reason']).isWellFormed()).toBe(true);
  });
});

describe('while the receiver is asked', () => {
  test('it may confirm before it answers', async () => {
    const store = new StoreModel();
    const some: ReturnType<typeof deps> = deps(store, async (sent) => {
      if (sent.method === 'OPTIONS') return answered(405);
      const [stored] = await store.all();
      const params = { subscriptionId: String(stored?.subscription.id) };
      const confirmed = await createConfirmSubscription(some)(
        request({ token: tokenIn(sent) }, { params }),
        context,
      );
      expect(bodyOf(confirmed)).toMatchObject({ status: 'active' });
      return answered(204);
    });
    const created = await createPostSubscription(some)(
      request({ url: 'https://receiver.example/', datasets: ['things'] }),
      context,
    );
    expect(bodyOf(created)).toMatchObject({ status: 'active', consent: { method: 'confirmation' } });
    expect(bodyOf(created)).not.toHaveProperty('reason');
  });

  test('its address may be changed: the old one consents to nothing', async () => {
    const store = new StoreModel();
    store.put(pending());
    const some = deps(store, () => {
      store.put({ ...store.get(), url: 'https://other.example/' });
      return answered(200, { [ORIGIN]: '*' });
    });
    const answer = await byId(some, createResumeSubscription(some))(request(), context);
    expect(bodyOf(answer)).toMatchObject({ status: 'pending', url: 'https://other.example/' });
    expect(store.get()).toMatchObject({ status: 'pending', terms: [] });
    expect(store.get()).not.toHaveProperty('consent');
  });

  test('a crash after its consent was stored is completed by the next call', async () => {
    for (const how of ['confirm', 'resume'] as const) {
      const store = new StoreModel();
      store.put(pending({ confirmationHash: tokenHash('token') }));
      const confirm = (some: ReturnType<typeof deps>) =>
        createConfirmSubscription(some)(request({ token: 'token' }), context);
      store.beforeUpdate = ({ terms }) => {
        if (terms) throw new Error('crash');
      };
      await expect(confirm(deps(store))).rejects.toThrow('crash');
      expect(store.get()).toMatchObject({ status: 'pending', termDue: true, terms: [] });
      store.beforeUpdate = () => {};
      const some = deps(store);
      if (how === 'confirm') await confirm(some);
      else await byId(some, createResumeSubscription(some))(request(), context);
      expect(store.get()).toMatchObject({ status: 'active', terms: [{ datasets: ['things'] }] });
      expect(some.sent).toEqual([]);
    }
  });
});

test('a new address is asked, and its terms wait for it', async () => {
  const store = new StoreModel();
  store.put(subscription({ health: { failingSince: 5 } }));
  const refusing = deps(store);
  const move = (some: ReturnType<typeof deps>, url: string) =>
    byId(some, createPatchSubscription(some))(request({ url }), context);
  await move(refusing, 'https://new.example/');
  expect(refusing.sent.map(({ url }) => url)).toEqual(['https://new.example/', 'https://new.example/']);
  expect(store.get()).toMatchObject({ status: 'pending', health: {}, terms: [{ from: 100 }] });
  expect(store.get().health).toEqual({});
  expect(store.get()).not.toHaveProperty('consent');
  await move(
    deps(store, () => answered(200, { [ORIGIN]: '*' })),
    'https://newer.example/',
  );
  expect(store.get()).toMatchObject({ status: 'active', terms: [{ from: 100 }] });
  expect(store.get()).not.toHaveProperty('reason');
});

test('a disabled subscription is resumed where it stopped', async () => {
  const store = new StoreModel();
  const health = { failingSince: 5, heldUntil: 9 };
  store.put(subscription({ status: 'disabled', reason: 'It failed for days.', health }));
  const some = deps(store);
  const answer = await byId(some, createResumeSubscription(some))(request(), context);
  expect(bodyOf(answer)).toMatchObject({ status: 'active' });
  expect(store.get()).toMatchObject({ health: { heldUntil: 9 }, terms: [{ from: 100 }] });
  expect(store.get().health).not.toHaveProperty('failingSince');
  expect(store.get()).not.toHaveProperty('reason');
  expect(some.sent).toEqual([]);
});

test('what the test request brought is told, failures as well', async () => {
  const store = new StoreModel();
  store.put(subscription());
  const run = async (outcome: WebhookOutcome) => {
    const some = deps(store, () => outcome);
    return bodyOf(await byId(some, createTestSubscription(some))(request(), context));
  };
  expect(await run(answered(500, {}, 'x'.repeat(5000)))).toEqual({
    succeeded: false,
    status: 500,
    body: 'x'.repeat(1000),
    durationMs: 1,
  });
  expect(await run(failed('tls-failed'))).toMatchObject({ succeeded: false, error: 'tls-failed' });
  expect(await run(answered(204))).toMatchObject({ succeeded: true });
});

test('a secret that cannot be read is no reason to send unsigned requests', async () => {
  const store = new StoreModel();
  store.put(subscription());
  const some = { ...deps(store), secrets: createSecrets(Buffer.alloc(32, 9)) };
  const test = byId(some, createTestSubscription(some))(request(), context);
  await expect(test).rejects.toMatchObject({ code: 'secret-unreadable' });
  expect(deps(store).sent).toEqual([]);
});

test('an id that is none does not reach the store', async () => {
  const store = new StoreModel();
  store.put(subscription());
  store.read = () => Promise.reject(new Error('read'));
  for (const subscriptionId of ['', 'x', `${ID}0`, '../batches', ID.toUpperCase()]) {
    const params = { subscriptionId };
    const some = deps(store);
    const found = byId(some, createTestSubscription(some))(request(undefined, { params }), context);
    await expect(found).rejects.toMatchObject({ code: 'unknown-subscription' });
    const confirmed = createConfirmSubscription(some)(request({ token: 'x' }, { params }), context);
    await expect(confirmed).rejects.toMatchObject({ code: 'invalid-confirmation' });
  }
});
