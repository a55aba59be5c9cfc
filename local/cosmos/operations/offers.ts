import { fail, ok, type Outcome } from '../errors';
import { header, parseJson, type CosmosRequest, type Reply } from '../http';
import { isJsonObject, type JsonObject } from '../partition-key';
import {
  DEFAULT_THROUGHPUT,
  type ContainerRecord,
  type DatabaseRecord,
  type Throughput,
} from '../store/resources';
import type { ServiceContext } from './context';
import { listOrQuery, methodNotAllowed } from './feed';

// https://learn.microsoft.com/azure/cosmos-db/concepts-limits#provisioned-throughput
const MIN_THROUGHPUT = 400;
const MIN_AUTOSCALE = 1_000;
const AUTOSCALE_STEP = 1_000;
const STEP = 100;
/** Autoscale goes down to this share of its maximum. */
const AUTOSCALE_MIN_SHARE = 0.1;
const MAX_THROUGHPUT = 1_000_000;

const isThroughput = (value: unknown, min: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= min && value <= MAX_THROUGHPUT;

function checkThroughput(fixed: unknown, autoscaleMax: unknown): Outcome<Throughput> {
  if (autoscaleMax !== undefined) {
    if (isThroughput(autoscaleMax, MIN_AUTOSCALE) && autoscaleMax % AUTOSCALE_STEP === 0)
      return ok({ autoscaleMax });
    return fail(
      'BadRequest',
      `The autoscale maximum must be a multiple of ${AUTOSCALE_STEP} between ${MIN_AUTOSCALE} and ${MAX_THROUGHPUT}.`,
    );
  }
  if (isThroughput(fixed, MIN_THROUGHPUT) && fixed % STEP === 0) return ok({ throughput: fixed });
  return fail(
    'BadRequest',
    `The offer should have a valid throughput: a multiple of ${STEP} between ${MIN_THROUGHPUT} and ${MAX_THROUGHPUT}.`,
  );
}

/** The throughput with which a database or container is to be created; undefined when the client gave none. */
export function throughputOf(request: CosmosRequest): Outcome<Throughput | undefined> {
  const autoscale = header(request, 'x-ms-cosmos-offer-autopilot-settings');
  const fixed = header(request, 'x-ms-offer-throughput');
  if (autoscale !== undefined) {
    const settings = parseJson(Buffer.from(autoscale));
    if (!settings.ok) return settings;
    return checkThroughput(
      undefined,
      isJsonObject(settings.value) ? (settings.value['maxThroughput'] ?? 0) : 0,
    );
  }
  return fixed === undefined ? ok(undefined) : checkThroughput(Number(fixed), undefined);
}

type Owner = DatabaseRecord | ContainerRecord;
type OwnerKind = 'databases' | 'containers';

interface Offer {
  readonly id: string;
  readonly kind: OwnerKind;
  readonly owner: Owner;
}

/** A database has an offer if it was created with one; its containers have none then, unless created with their own. */
function offersOf(context: ServiceContext): Offer[] {
  const { catalog } = context;
  return [
    ...catalog
      .listDatabases()
      .filter(({ offer }) => offer)
      .map((owner) => ({ id: `d${owner.num}`, kind: 'databases' as const, owner })),
    ...catalog
      .allContainers()
      .filter(({ offer, sharedOffer }) => offer ?? !sharedOffer)
      .map((owner) => ({ id: `c${owner.num}`, kind: 'containers' as const, owner })),
  ];
}

function render({ id, owner }: Offer): JsonObject {
  const { throughput, autoscaleMax } = owner.offer ?? { throughput: DEFAULT_THROUGHPUT };
  const content: JsonObject = { offerThroughput: throughput ?? (autoscaleMax ?? 0) * AUTOSCALE_MIN_SHARE };
  if (autoscaleMax !== undefined) content['offerAutopilotSettings'] = { maxThroughput: autoscaleMax };
  return {
    id,
    _rid: id,
    _self: `offers/${id}/`,
    _etag: owner.etag,
    _ts: Math.floor(owner.ts / 1_000),
    resource: owner.self,
    offerResourceId: owner.rid,
    offerType: 'Invalid',
    offerVersion: 'V2',
    content,
  };
}

/** `/offers` */
export function onOffers(context: ServiceContext, request: CosmosRequest): Outcome<Reply> {
  if (request.method !== 'GET' && request.method !== 'POST') return methodNotAllowed(request);
  return listOrQuery(request, 'Offers', '', offersOf(context).map(render), context.clock);
}

/** `/offers/{id}` */
export async function onOffer(
  context: ServiceContext,
  request: CosmosRequest,
  id: string,
): Promise<Outcome<Reply>> {
  const find = (): Offer | undefined => offersOf(context).find((offer) => offer.id === id.toLowerCase());
  const offer = find();
  if (!offer) return fail('NotFound', `Offer "${id}" does not exist.`);
  if (request.method === 'GET') return ok({ status: 200, body: JSON.stringify(render(offer)) });
  if (request.method !== 'PUT') return methodNotAllowed(request);
  const body = parseJson(request.body);
  if (!body.ok) return body;
  const given = isJsonObject(body.value) ? body.value : {};
  if (given['id'] !== offer.id || given['_rid'] !== offer.id) {
    return fail('BadRequest', 'The id and the _rid of an offer cannot be changed.');
  }
  const { content } = given;
  if (!isJsonObject(content)) return fail('BadRequest', 'The offer has no content.');
  const autoscale = content['offerAutopilotSettings'];
  const throughput = checkThroughput(
    content['offerThroughput'],
    isJsonObject(autoscale) ? (autoscale['maxThroughput'] ?? 0) : undefined,
  );
  if (!throughput.ok) return throughput;
  await context.catalog.replaceOffer(offer.kind, offer.owner.num, throughput.value, context.clock());
  return ok({ status: 200, body: JSON.stringify(render(find() ?? offer)) });
}
