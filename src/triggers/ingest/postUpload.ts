import { randomUUID } from 'node:crypto';
import type { HttpRequest } from '@azure/functions';
import { uploadName } from '../../domain/ingest/names';
import { Problem } from '../../domain/problem';
import { apiBase, json, type Handler } from '../http';
import type { TriggerDeps } from './deps';
import { datasetOf } from './reception';

/** What a PUT to the link needs (https://learn.microsoft.com/rest/api/storageservices/put-blob). */
const PUT_HEADERS = { 'x-ms-blob-type': 'BlockBlob' } as const;

/**
 * `POST /api/datasets/{dataset}/uploads`: a link by which the caller puts a large input straight into the blob store.
 * Nothing is stored: an upload is what was put there.
 */
export function createPostUpload({ blobs, config, now, schemas }: TriggerDeps): Handler {
  return async (request) => {
    const { name } = datasetOf(request, schemas.all);
    await refuseBody(request);
    const uploadId = randomUUID().replaceAll('-', '');
    // In whole seconds, as the link has it.
    const expiresAt = new Date(Math.floor((now().getTime() + config.uploadGrantMs) / 1000) * 1000);
    const uploadUrl = await blobs.grant('uploads', uploadName(name, uploadId), expiresAt);
    return json(
      201,
      {
        uploadId,
        uploadUrl,
        method: 'PUT',
        headers: PUT_HEADERS,
        expiresAt: expiresAt.toISOString(),
        maxBytes: config.limits.uploadBytes,
        batchUrl: `${apiBase(request)}/datasets/${name}/batches?upload=${uploadId}`,
      },
      // The link is a secret.
      { 'Cache-Control': 'no-store' },
    );
  };
}

async function refuseBody(request: HttpRequest): Promise<void> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (!(declared > 0) && (await request.arrayBuffer()).byteLength === 0) return;
  throw new Problem(
    'invalid-parameter',
    'This request takes no body. Put the records to "uploadUrl" of its answer, or post them to the batches as they are.',
    { parameter: 'body' },
  );
}
