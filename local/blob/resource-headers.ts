import { metadataHeaders } from './inputs';
import { leaseHeaders } from './lease';
import { stateHeaders, type HeaderValues } from './protocol';
import type { BlobRecord } from './store/records';

/** The headers that Get Blob and Get Blob Properties have in common. */
export function blobHeaders(blob: BlobRecord, now: number): HeaderValues {
  const { properties } = blob;
  const { copy } = properties;
  return {
    ...stateHeaders(blob),
    'Content-Type': properties.contentType,
    'Content-Encoding': properties.contentEncoding,
    'Content-Language': properties.contentLanguage,
    'Content-Disposition': properties.contentDisposition,
    'Cache-Control': properties.cacheControl,
    'Accept-Ranges': 'bytes',
    'x-ms-blob-type': 'BlockBlob',
    'x-ms-creation-time': new Date(blob.created).toUTCString(),
    'x-ms-server-encrypted': 'true',
    ...leaseHeaders(blob.lease, now),
    ...(copy
      ? {
          'x-ms-copy-id': copy.id,
          'x-ms-copy-source': copy.source,
          'x-ms-copy-status': 'success',
          'x-ms-copy-progress': `${blob.size}/${blob.size}`,
          'x-ms-copy-completion-time': new Date(copy.completed).toUTCString(),
        }
      : {}),
    ...metadataHeaders(blob.metadata),
  };
}

/** Query parameter of a SAS → the header that it overrides, see https://learn.microsoft.com/rest/api/storageservices/create-service-sas#specify-query-parameters-to-override-response-headers-blob-storage-and-azure-files-only */
export const OVERRIDES = {
  rscc: 'Cache-Control',
  rscd: 'Content-Disposition',
  rsce: 'Content-Encoding',
  rscl: 'Content-Language',
  rsct: 'Content-Type',
} as const;
