import { fail, ok, type Outcome } from '../errors';
import { header, parseJson, type CosmosRequest, type Reply } from '../http';
import { isJsonObject, type JsonObject } from '../partition-key';
import {
  DEFAULT_THROUGHPUT,
  type ContainerRecord,
  type DatabaseRecord,
  type Throughput,
} from '../store/catalog';
import type { ServiceContext } from './context';
import { listOrQuery, methodNotAllowed } from './feed';

// https://learn.microsoft.com/azure/cosmos-db/concepts-limits#provisioned-throughput
const MIN_THROUGHPUT = 400;
const MIN_AUTOSCALE = 1_000;
const MAX_THROUGHPUT = 1_000_000;

const isThroughput = (value: unknown, min: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= min && value <= MAX_THROUGHPUT;

function checkThroughput(fixed: unknown, autoscaleMax: unknown): Outcome<Throughput> {
  if (autoscaleMax !== undefined) {
    if (isThroughput(autoscaleMax, MIN_AUTOSCALE)) return ok({ autoscaleMax });
    return fail(
      'BadRequest',
      `The autoscale maximum must be between ${MIN_AUTOSCALE} and ${MAX_THROUGHPUT}.`,
    );
  }
  if (isThroughput(fixed, MIN_THROUGHPUT) && fixed % 100 === 0) return ok({ throughput: fixed });
  return fail(
    'BadRequest',
    `The offer should have a valid throughput: a multiple of 100 between ${MIN_THROUGHPUT} and ${MAX_THROUGHPUT}.`,
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

/** Every container has an offer, a database only if it was created with one. */
function offersOf(context: ServiceContext): Offer[] {
  const { catalog } = context;
  return [
    ...catalog
      .listDatabases()
      .filter(({ offer }) => offer)
      .map((owner) => ({ id: `d${owner.num}`, kind: 'databases' as const, owner })),
    ...catalog.allContainers().map((owner) => ({ id: `c${owner.num}`, kind: 'containers' as const, owner })),
  ];
}

function render({ id, owner }: Offer): JsonObject {
  const { throughput, autoscaleMax } = owner.offer ?? { throughput: DEFAULT_THROUGHPUT };
  const content: JsonObject = { offerThroughput: throughput ?? Math.max(100, (autoscaleMax ?? 0) / 10) };
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
  const content = isJsonObject(body.value) ? body.value['content'] : undefined;
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
