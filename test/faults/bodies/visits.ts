import { isDeepStrictEqual } from 'node:util';
import { answerFaults, labelOf, refusalFaults, send, type Answer } from './answers';
import { excerpt, type Accepted } from './accepted';
import { visitBatches } from './batch-visits';
import { PLACEHOLDER_URL, type Body } from './bodies';
import { DOORS, type Door } from './doors';
import type { Members } from './good';
import { objectMeaning } from './meaning';
import type { World } from './world';

/** What came of one body. */
export interface Visit {
  /** The problem's code, or the status. */
  readonly outcome: string;
  readonly ms: number;
  readonly faults: readonly string[];
  /** To be looked at when it is closed. */
  readonly accepted?: Accepted;
}

/** A subscription that one lane has for itself, so that nobody else changes it. */
export interface Lane {
  subscription?: { id: string; settings: Members } | undefined;
}

const OBJECT_TYPES = ['application/json'];
const PATCH_TYPES = ['application/json', 'application/merge-patch+json'];

/** Members of a subscription that its owner decides. */
const SETTINGS = ['url', 'datasets', 'filter', 'description', 'rateLimit', 'maxInFlight', 'alertUrl'];

const visited = (answer: Answer, faults: readonly string[]): Visit => ({
  outcome: labelOf(answer),
  ms: answer.ms,
  faults,
});

/** Sends a body to its door and looks at the answer. @throws when there is none */
export function visit(world: World, door: Door, body: Body, lane: Lane): Promise<Visit> {
  if (door.to === 'batches') return visitBatches(world, door, body);
  if (door.to === 'subscriptions') return createSubscription(world, body);
  const path = door.paths[Math.floor(body.number / DOORS.length) % door.paths.length] ?? '';
  return path === '' ? patchSubscription(world, body, lane) : operate(world, body, lane, path);
}

/** The body with a receiver that consents in the place of the address that all good ones have. */
function addressed({ consenting }: World, body: Body): Body {
  const [from, to] = [Buffer.from(PLACEHOLDER_URL), Buffer.from(consenting.url)];
  const at = body.bytes.indexOf(`"${PLACEHOLDER_URL}"`);
  if (at === -1) return body;
  const rest = body.bytes.subarray(at + 1 + from.length);
  return { ...body, bytes: Buffer.concat([body.bytes.subarray(0, at + 1), to, rest]) };
}

const settingsOf = (subscription: Members): Members =>
  Object.fromEntries(
    SETTINGS.flatMap((name) => (name in subscription ? [[name, subscription[name] ?? null]] : [])),
  );

/** As the app keeps them: each data set once, and with its default where there is one. */
function kept(settings: Members): Members {
  const { datasets, maxInFlight, ...others } = settings;
  return {
    ...others,
    datasets: Array.isArray(datasets) ? [...new Set(datasets)] : (datasets ?? null),
    maxInFlight: maxInFlight ?? 16,
  };
}

async function createSubscription(world: World, good: Body): Promise<Visit> {
  const body = addressed(world, good);
  const answer = await send(world.hw.api, { method: 'POST', path: '/api/subscriptions', body });
  const said = objectMeaning(body, OBJECT_TYPES);
  if (answer.status !== 201) {
    const codes = 'object' in said ? ['invalid-subscription', 'invalid-filter'] : said.refusals;
    const isGood = good.kind === 'good';
    return visited(answer, refusalFaults(answer, isGood ? [] : codes));
  }
  if (!('object' in said))
    return visited(answer, [`It was accepted, expected ${said.refusals.join(' or ')}.`]);
  const { id } = answer.json as { id: string };
  const { secret: _, ...sent } = said.object;
  const faults = await settingFaults(world, id, kept(sent));
  await world.subscriptions.remove(id);
  return visited(answer, [...answerFaults(answer), ...faults]);
}

/** Asks for the subscription again. */
async function settingFaults(world: World, id: string, expected: Members): Promise<string[]> {
  const found = settingsOf((await world.subscriptions.get(id)) as unknown as Members);
  if (isDeepStrictEqual(found, JSON.parse(JSON.stringify(expected)))) return [];
  return [`The subscription is ${excerpt(found)}, expected ${excerpt(expected)}.`];
}

/** RFC 7396, section 2. */
function merged(target: Members, patch: Members): Members {
  const result = new Map(Object.entries(target));
  for (const [name, value] of Object.entries(patch)) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    const before = result.get(name);
    const inner = typeof before === 'object' && before !== null && !Array.isArray(before) ? before : {};
    if (value === null) result.delete(name);
    else result.set(name, isObject ? merged(inner, value) : value);
  }
  return Object.fromEntries(result);
}

/** The lane's own subscription; a new one where the last one was moved to an address that does not consent. */
async function subscriptionFor(world: World, lane: Lane): Promise<{ id: string; settings: Members }> {
  if (!lane.subscription) {
    const { consenting, subscriptions } = world;
    const created = await subscriptions.createActive({ url: consenting.url, datasets: ['things'] });
    lane.subscription = { id: created.id, settings: settingsOf(created as unknown as Members) };
  }
  return lane.subscription;
}

async function patchSubscription(world: World, body: Body, lane: Lane): Promise<Visit> {
  const { id, settings } = await subscriptionFor(world, lane);
  const answer = await send(world.hw.api, { method: 'PATCH', path: `/api/subscriptions/${id}`, body });
  const said = objectMeaning(body, PATCH_TYPES);
  if (answer.status !== 200) {
    const codes = 'object' in said ? ['invalid-subscription', 'invalid-filter'] : said.refusals;
    // A good filter may be too much together with the one that is there.
    const faults = refusalFaults(answer, body.kind === 'good' ? ['invalid-filter'] : codes);
    return visited(answer, [...faults, ...(await settingFaults(world, id, settings))]);
  }
  if (!('object' in said))
    return visited(answer, [`It was accepted, expected ${said.refusals.join(' or ')}.`]);
  const expected = kept(merged(settings, said.object));
  const faults = [...answerFaults(answer), ...(await settingFaults(world, id, expected))];
  const { status } = answer.json as { status: string };
  // One that does not consent is of no use to the bodies that follow.
  lane.subscription = status === 'pending' ? undefined : { id, settings: expected };
  if (status === 'pending') await world.subscriptions.remove(id);
  return visited(answer, faults);
}

/** What each operation may answer to a body that is an object. */
const OPERATION_REFUSALS: Readonly<Record<string, readonly string[]>> = {
  '/deliveries/retry': ['invalid-parameter', 'unknown-delivery', 'nothing-to-retry'],
  '/recover': ['invalid-parameter', 'repair-running', 'consent-missing'],
  '/replay': ['invalid-parameter', 'repair-running', 'consent-missing'],
  '/rotate-secret': ['invalid-subscription'],
  '/confirm': ['invalid-confirmation'],
};

/** Those that have no body, and do not look at one; and the one that can do without. */
const BODILESS = new Set(['/test', '/pause', '/resume']);
const OPTIONAL = new Set(['/rotate-secret']);

async function operate(world: World, body: Body, lane: Lane, path: string): Promise<Visit> {
  const { id, settings } = await subscriptionFor(world, lane);
  const answer = await send(world.hw.api, { method: 'POST', path: `/api/subscriptions/${id}${path}`, body });
  const isRead = !BODILESS.has(path) && !(OPTIONAL.has(path) && body.bytes.length === 0);
  const said = isRead ? objectMeaning(body, OBJECT_TYPES) : { object: {} };
  const codes = 'object' in said ? (OPERATION_REFUSALS[path] ?? []) : said.refusals;
  const isRefused = answer.status >= 400;
  const faults = isRefused ? refusalFaults(answer, codes) : answerFaults(answer);
  if (!isRefused && !('object' in said)) faults.push(`It was accepted, expected ${codes.join(' or ')}.`);
  return visited(answer, [...faults, ...(await settingFaults(world, id, settings))]);
}
