import { randomUUID } from 'node:crypto';
import { checkRead, readConditions, type Conditions } from '../conditions';
import { fail, failed, type Failure } from '../errors';
import { readMetadata } from '../inputs';
import { stateHeaders, type BlobRequest, type Outcome } from '../protocol';
import type { Store, Transaction } from '../store/store';
import type { BlobRecord, Metadata, Part } from '../store/records';
import { refuseEarly, replaceBlob } from './put-blob';

/** The blob that `x-ms-copy-source` names, once the endpoint has checked that the caller may read it. */
export interface CopySource {
  readonly container: string;
  readonly blob: string;
  /** Without its query, which may hold a signature. */
  readonly url: string;
}

interface Plan {
  readonly source: CopySource;
  readonly sourceConditions: Conditions;
  readonly conditions: Conditions;
  /** Empty: that of the source is kept. */
  readonly metadata: Metadata;
}

function readPlan(request: BlobRequest, source: CopySource): Plan | Failure {
  const conditions = readConditions(request.header);
  if (failed(conditions)) return conditions;
  const sourceConditions = readConditions(request.header, 'x-ms-source-');
  if (failed(sourceConditions)) return sourceConditions;
  const metadata = readMetadata(request);
  return failed(metadata) ? metadata : { source, sourceConditions, conditions, metadata };
}

function findSource(store: Store, { source, sourceConditions }: Plan): BlobRecord | Failure {
  const container = store.containers.id(source.container);
  const blob = container === undefined ? undefined : store.blobs.find(container, source.blob);
  if (!blob)
    return fail(
      container === undefined ? 'ContainerNotFound' : 'BlobNotFound',
      'It is the source of the copy.',
    );
  return checkRead(sourceConditions, blob) ? fail('SourceConditionNotMet') : blob;
}

function copy(
  store: Store,
  tx: Transaction,
  request: BlobRequest,
  plan: Plan,
  copyId: string,
): BlobRecord | Failure {
  const source = findSource(store, plan);
  if (failed(source)) return source;
  const completed = store.now();
  return replaceBlob(store, tx, request, {
    conditions: plan.conditions,
    properties: { ...source.properties, copy: { id: copyId, source: plan.source.url, completed } },
    metadata: Object.keys(plan.metadata).length > 0 ? plan.metadata : source.metadata,
    parts: (inner, container) => {
      const parts = store.blobs.parts(source.container, source.name);
      store.segments.retain(new Set(parts.map(([segment]) => segment)));
      store.dropStaged(inner, container, request.blob);
      return parts.map((part): Part => [...part]);
    },
  });
}

/** A condition of the request itself is one on the target. */
const namingTarget = (failure: Failure): Failure =>
  failure.error === 'ConditionNotMet' ? fail('TargetConditionNotMet', failure.detail) : failure;

/**
 * https://learn.microsoft.com/rest/api/storageservices/copy-blob and
 * https://learn.microsoft.com/rest/api/storageservices/copy-blob-from-url, within the account: both are done when
 * they are answered, and no bytes move.
 */
export async function copyBlob(store: Store, request: BlobRequest, source: CopySource): Promise<Outcome> {
  const plan = readPlan(request, source);
  if (failed(plan)) return plan;
  const early = refuseEarly(store, request, plan.conditions);
  if (early) return namingTarget(early);
  const copyId = randomUUID();
  const blob = await store.mutate((tx) => copy(store, tx, request, plan, copyId));
  if (failed(blob)) return namingTarget(blob);
  return {
    status: 202,
    headers: { ...stateHeaders(blob), 'x-ms-copy-id': copyId, 'x-ms-copy-status': 'success' },
  };
}
