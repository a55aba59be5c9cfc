import type { HttpRequest } from '@azure/functions';
import { sha256 } from '../../domain/content';
import type { DataSet } from '../../domain/dataset';
import { uploadName } from '../../domain/ingest/names';
import { mayBeNamed, UPLOAD_ID, UPLOAD_KEPT_MS } from '../../domain/ingest/upload';
import { Problem } from '../../domain/problem';
import type { TriggerDeps } from './deps';
import { encodingOf, formatOf, onInvalidOf, type Reception } from './reception';

/**
 * Reads a request that names an upload as its body: its headers say what the uploaded bytes are. They are read later,
 * so what is wrong in them closes the batch; what is uploaded anew after this is not what was accepted.
 * @throws Problem `invalid-parameter`, `unsupported-media-type`, `unknown-upload`, `empty-batch`, `upload-too-large`
 */
export async function receiveUpload(
  request: HttpRequest,
  dataset: DataSet,
  id: string,
  { blobs, config, now }: Pick<TriggerDeps, 'blobs' | 'config' | 'now'>,
): Promise<Reception> {
  const onInvalid = onInvalidOf(request);
  const format = formatOf(request);
  const encoding = encodingOf(request);
  if ((await request.arrayBuffer()).byteLength > 0) {
    throw new Problem('invalid-parameter', 'A request that names an upload has no body of its own.', {
      parameter: 'upload',
    });
  }
  const found = UPLOAD_ID.test(id)
    ? await blobs.describe('uploads', uploadName(dataset.name, id))
    : undefined;
  if (!found || !mayBeNamed(found.modifiedOn, now())) {
    throw new Problem(
      'unknown-upload',
      `There is no upload "${id.slice(0, 100)}" in ${dataset.name}: nothing was put there, or longer than ${UPLOAD_KEPT_MS / 3_600_000} hours ago.`,
    );
  }
  const { bytes, etag } = found;
  const { uploadBytes } = config.limits;
  if (bytes === 0) throw new Problem('empty-batch', 'The upload is empty.');
  if (bytes > uploadBytes) {
    throw new Problem(
      'upload-too-large',
      `The upload is ${bytes} bytes long. At most ${uploadBytes} bytes are allowed; send several.`,
      { limit: uploadBytes, unit: 'bytes' },
    );
  }
  return {
    dataset: dataset.name,
    schemaVersion: dataset.schemaVersion,
    format,
    onInvalid,
    contentHash: sha256(`upload\n${id}\n${etag}\n${encoding ?? ''}\n${format}\n${onInvalid}`),
    bodySha256: '',
    bytes,
    accepted: 0,
    upload: { id, etag, ...(encoding === undefined ? {} : { encoding }) },
  };
}
