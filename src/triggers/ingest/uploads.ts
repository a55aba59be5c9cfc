import type { Blobs } from '../../clients/blobs';
import type { Config } from '../../config';
import { uploadName } from '../../domain/ingest/names';
import { mayBeNamed, UPLOAD_ID } from '../../domain/ingest/upload';
import { Problem } from '../../domain/problem';

/** What a batch names: the bytes that an upload holds at this moment. */
export interface Upload {
  readonly id: string;
  readonly etag: string;
  readonly bytes: number;
}

interface UploadDeps {
  readonly blobs: Pick<Blobs, 'describe'>;
  readonly config: { readonly limits: Pick<Config['limits'], 'uploadBytes'> };
  readonly now: () => Date;
}

/**
 * The upload that a batch is to be made of. After this the batch has to be reserved within the life of one request:
 * only so long is the upload safe from being removed.
 * @throws Problem `unknown-upload`, `upload-too-large`, `empty-batch`
 */
export async function findUpload(
  { blobs, config: { limits }, now }: UploadDeps,
  dataset: string,
  id: string,
): Promise<Upload> {
  const found = UPLOAD_ID.test(id) ? await blobs.describe('uploads', uploadName(dataset, id)) : undefined;
  if (!found || !mayBeNamed(found.modifiedOn, now())) throw unknown(dataset, id);
  const { bytes, etag } = found;
  // A SAS cannot bound what is put with it.
  if (bytes > limits.uploadBytes) {
    throw new Problem(
      'upload-too-large',
      `The upload is ${bytes} bytes long. At most ${limits.uploadBytes} bytes are allowed; send several.`,
      { limit: limits.uploadBytes, unit: 'bytes' },
    );
  }
  if (bytes === 0) throw new Problem('empty-batch', 'The upload is empty. Put at least one record there.');
  return { id, etag, bytes };
}

const unknown = (dataset: string, id: string): Problem =>
  new Problem(
    'unknown-upload',
    `There is no upload "${id.slice(0, 100)}" of the data set ${dataset}, nothing was put there yet, or it was removed.`,
  );
