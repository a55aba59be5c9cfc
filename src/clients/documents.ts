import type {
  Container,
  ItemDefinition,
  OperationInput,
  OperationResponse,
  RequestOptions,
  SqlParameter,
} from '@azure/cosmos';
import type { StoredDocument } from '../domain/egress/document';
import type { Stored, Write } from '../domain/ingest/decide';
import type { Envelope, Marker } from '../domain/ingest/envelope';
import { readPage, statusOf } from './cosmos';

/** How a group's transactional batch ended. Nothing was written but by `committed`. */
export type GroupOutcome =
  | { readonly type: 'committed'; readonly requestCharge: number }
  /** The group's fate was decided before. */
  | { readonly type: 'marked'; readonly requestCharge: number }
  /** A document was changed since it was read: read and decide again. */
  | { readonly type: 'conflict'; readonly requestCharge: number }
  /** The store refuses the write of the record `index`, whatever is tried; undefined when it does not say which. */
  | {
      readonly type: 'refused';
      readonly index: number | undefined;
      readonly reason: string;
      readonly requestCharge: number;
    };

/** The `documents` container. */
export interface Documents {
  /** The documents of these ids in one partition, by id. */
  read(pk: string, ids: readonly string[]): Promise<{ stored: Map<string, Stored>; requestCharge: number }>;
  /**
   * Documents of many partitions at once: one query for a hundred, where each partition alone would take one, and a
   * point read of each ten times the request units.
   */
  readAcross(
    keys: readonly DocumentKey[],
  ): Promise<{ stored: Map<string, Map<string, Stored>>; requestCharge: number }>;
  /** Writes documents and marker, all or nothing; the marker only if there is none. */
  commit(marker: Marker, writes: readonly Write[]): Promise<GroupOutcome>;
  readMarker(pk: string, id: string): Promise<Marker | undefined>;
  /** Documents of one partition, markers left out, page by page; no continuation: it was the last. */
  page(pk: string, most: number, continuation: string | undefined): Promise<DocumentPage>;
  /** How many documents of a data set were made under each version of its schema, tombstones among them. */
  countBySchema(dataset: string): Promise<ReadonlyMap<string, number>>;
}

export interface DocumentKey {
  readonly pk: string;
  readonly id: string;
}

export interface DocumentPage {
  readonly documents: readonly StoredDocument[];
  readonly continuation: string | undefined;
}

type Item = Envelope & ItemDefinition & { _etag: string; _ts: number };

/** Nobody reads what the store would send back of a write. */
const NO_CONTENT: RequestOptions = { contentResponseOnWriteEnabled: false };

const DOCUMENTS = 'SELECT * FROM c WHERE IS_DEFINED(c._hw)';

/** Markers have no `_hw`. A data set's name holds no colon, so no other one's partition keys begin with it. */
const BY_SCHEMA =
  'SELECT c._hw.maker.schemaVersion AS schemaVersion, COUNT(1) AS documents FROM c ' +
  'WHERE STARTSWITH(c.pk, @prefix) AND IS_DEFINED(c._hw) GROUP BY c._hw.maker.schemaVersion';

/** Keys of one query: its text and parameters stay small. */
const KEYS_AT_ONCE = 100;

/** The values, each once, as parameters of a query. */
function listed(name: string, values: readonly string[]): { names: string; parameters: SqlParameter[] } {
  const parameters = Array.from(new Set(values), (value, at) => ({ name: `@${name}${at}`, value }));
  return { names: parameters.map((parameter) => parameter.name).join(', '), parameters };
}

/** Up to this many keys, point reads (1 RU each) are cheaper than a query. */
const POINT_READS = 3;

const toStored = (item: Item): Stored => ({ envelope: item, etag: item._etag, ts: item._ts });

function operations(marker: Marker, writes: readonly Write[]): OperationInput[] {
  const create = (resourceBody: object): OperationInput => ({
    operationType: 'Create',
    resourceBody: resourceBody as never,
  });
  return [
    create(marker),
    ...writes.map((write): OperationInput =>
      write.type === 'create'
        ? create(write.envelope)
        : {
            operationType: 'Replace',
            id: write.envelope.id,
            ifMatch: write.etag,
            resourceBody: write.envelope as never,
          },
    ),
  ];
}

/** 424 says of an operation only that another one failed. */
const FAILED_DEPENDENCY = 424;

function outcomeOf(
  results: readonly OperationResponse[],
  writes: readonly Write[],
  requestCharge: number,
): GroupOutcome {
  const failed = results.findIndex(({ statusCode }) => statusCode >= 400 && statusCode !== FAILED_DEPENDENCY);
  if (failed === -1) return { type: 'committed', requestCharge };
  const status = results[failed]?.statusCode ?? 0;
  if (failed === 0 && status === 409) return { type: 'marked', requestCharge };
  // 404: the document that was read has gone since (an operator removed it).
  if (status === 409 || status === 412 || status === 404) return { type: 'conflict', requestCharge };
  if (status === 400 || status === 413) {
    const index = writes[failed - 1]?.index;
    return {
      type: 'refused',
      index,
      reason: `The store refuses the document with status ${status}.`,
      requestCharge,
    };
  }
  throw Object.assign(new Error(`The store answered ${status} to a transactional batch.`), { code: status });
}

/** @param throttled told how often the store put off a write before it took it, or that it did not take it */
export function createDocuments(
  container: () => Promise<Container>,
  throttled: (times: number) => void = () => undefined,
): Documents {
  const point = async (
    pk: string,
    id: string,
  ): Promise<{ item: Item | undefined; requestCharge: number }> => {
    const { resource, requestCharge } = await (await container()).item(id, pk).read<Item>();
    return { item: resource, requestCharge };
  };
  return {
    async read(pk, ids) {
      if (ids.length <= POINT_READS) {
        const found = await Promise.all(ids.map((id) => point(pk, id)));
        const items = found.flatMap(({ item }) => (item ? [[item.id, toStored(item)] as const] : []));
        return {
          stored: new Map(items),
          requestCharge: found.reduce((total, one) => total + one.requestCharge, 0),
        };
      }
      const parameters = ids.map((value, index) => ({ name: `@p${index}`, value }));
      const query = `SELECT * FROM c WHERE c.id IN (${parameters.map(({ name }) => name).join(', ')})`;
      const options = { partitionKey: pk, maxItemCount: ids.length };
      const { resources, requestCharge } = await (
        await container()
      ).items
        .query<Item>({ query, parameters }, options)
        .fetchAll();
      return { stored: new Map(resources.map((item) => [item.id, toStored(item)])), requestCharge };
    },

    async readAcross(keys) {
      const stored = new Map<string, Map<string, Stored>>();
      let requestCharge = 0;
      for (let start = 0; start < keys.length; start += KEYS_AT_ONCE) {
        const slice = keys.slice(start, start + KEYS_AT_ONCE);
        const pks = listed(
          'p',
          slice.map(({ pk }) => pk),
        );
        const ids = listed(
          'i',
          slice.map(({ id }) => id),
        );
        const query = `SELECT * FROM c WHERE c.pk IN (${pks.names}) AND c.id IN (${ids.names})`;
        const parameters = [...pks.parameters, ...ids.parameters];
        const { items } = await container();
        const answer = await items.query<Item>({ query, parameters }).fetchAll();
        requestCharge += answer.requestCharge;
        for (const item of answer.resources) {
          const partition = stored.get(item.pk) ?? new Map<string, Stored>();
          stored.set(item.pk, partition.set(item.id, toStored(item)));
        }
      }
      return { stored, requestCharge };
    },

    async commit(marker, writes) {
      try {
        const response = await (
          await container()
        ).items.batch(operations(marker, writes), marker.pk, NO_CONTENT);
        // Of the SDK's own repetitions.
        const putOff = Number(response.headers['x-ms-throttle-retry-count'] ?? 0);
        if (putOff > 0) throttled(putOff);
        const results = response.result ?? [];
        if (results.length !== writes.length + 1)
          throw new Error(`The store answered ${results.length} of ${writes.length + 1} operations.`);
        return outcomeOf(results, writes, Number(response.headers['x-ms-request-charge'] ?? 0));
      } catch (error) {
        if (statusOf(error) === 429) throttled(1);
        if (statusOf(error) === 413)
          return {
            type: 'refused',
            index: undefined,
            reason: 'The request is too large for the store.',
            requestCharge: 0,
          };
        throw error;
      }
    },

    async readMarker(pk, id) {
      const { resource } = await (await container()).item(id, pk).read<Marker & ItemDefinition>();
      return resource;
    },

    async page(pk, most, continuation) {
      const page = await readPage<Item>(await container(), DOCUMENTS, pk, most, continuation);
      return { documents: page.found, continuation: page.continuation };
    },

    async countBySchema(dataset) {
      const parameters = [{ name: '@prefix', value: `${dataset}:` }];
      const { items } = await container();
      const { resources } = await items
        .query<{ schemaVersion: string; documents: number }>({ query: BY_SCHEMA, parameters })
        .fetchAll();
      const counts = new Map<string, number>();
      // A store of several partitions may count each by itself.
      for (const { schemaVersion, documents } of resources)
        counts.set(schemaVersion, (counts.get(schemaVersion) ?? 0) + documents);
      return counts;
    },
  };
}
