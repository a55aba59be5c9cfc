import { documentId, bucketOf, partitionKey } from '../../domain/keys';
import { Problem } from '../../domain/problem';
import { apiBase, json, page, type Handler } from '../http';
import type { TriggerDeps } from './deps';
import { datasetOf } from './reception';

/** `GET /api/datasets` */
export function createListDatasets({ schemas }: TriggerDeps): Handler {
  return (request) => {
    const base = apiBase(request);
    const value = Array.from(schemas.all.values(), ({ name, schemaVersion, schema }) => ({
      name,
      title: schema['title'] ?? name,
      schemaVersion,
      links: { self: `${base}/datasets/${name}`, batches: `${base}/datasets/${name}/batches` },
    }));
    return Promise.resolve(page(value));
  };
}

/** `GET /api/datasets/{dataset}`: the schema, and with its `x-headwater` block the whole configuration. */
export function createGetDataset({ schemas }: TriggerDeps): Handler {
  return (request) => {
    const { name, schemaVersion, schema } = datasetOf(request, schemas.all);
    return Promise.resolve(json(200, { name, schemaVersion, configuration: schema['x-headwater'], schema }));
  };
}

/** `GET /api/datasets/{dataset}/documents/{*key}`: the newest version of a document. Keys may hold slashes. */
export function createGetDocument({ schemas, documents }: TriggerDeps): Handler {
  return async (request) => {
    const dataset = datasetOf(request, schemas.all);
    const key = keyOf(request.url);
    const pk = partitionKey(dataset.name, bucketOf(key));
    const id = documentId(key);
    const found = key === '' ? undefined : (await documents.read(pk, [id])).stored.get(id);
    if (!found)
      throw new Problem(
        'unknown-document',
        `No record with the key "${key.slice(0, 100)}" has landed in ${dataset.name}.`,
      );
    const { data, _hw } = found.envelope;
    const facts = {
      version: _hw.version,
      eventTime: new Date(_hw.newest.eventTime).toISOString(),
      batchId: _hw.newest.batchId,
    };
    if (_hw.deleted)
      throw new Problem('document-deleted', `The document "${key.slice(0, 100)}" was deleted.`, facts);
    return json(200, { dataset: dataset.name, key, ...facts, madeBy: _hw.maker, data });
  };
}

/** From the URL itself: platforms differ in how they decode a route's last parameter. */
function keyOf(url: string): string {
  const { pathname } = new URL(url);
  const [, path = ''] = /\/datasets\/[^/]+\/documents\/(.*)$/i.exec(pathname) ?? [];
  try {
    return decodeURIComponent(path);
  } catch {
    throw new Problem('invalid-parameter', 'The key in the path is not valid percent-encoded UTF-8.', {
      parameter: 'key',
    });
  }
}
