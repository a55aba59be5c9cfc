import { checkRead, readConditions } from '../conditions';
import { fail, failed, type Failure } from '../errors';
import { findContainer } from '../inputs';
import { readAction, type Step } from '../lease-actions';
import { stateHeaders, type BlobRequest, type Outcome } from '../protocol';
import type { Store } from '../store/store';
import type { ContainerRecord } from '../store/records';

/** https://learn.microsoft.com/rest/api/storageservices/lease-container. Such a lease keeps others from deleting the container. */
export async function leaseContainer(store: Store, request: BlobRequest): Promise<Outcome> {
  const action = readAction(request);
  if (failed(action)) return action;
  const conditions = readConditions(request.header);
  if (failed(conditions)) return conditions;
  const done = await store.mutate((): { container: ContainerRecord; step: Step } | Failure => {
    const container = findContainer(store, request);
    if (failed(container)) return container;
    if (checkRead(conditions, container)) return fail('ConditionNotMet');
    const step = action(container.lease, request, store.now());
    if (failed(step)) return step;
    store.containers.setLease(container.id, step.lease);
    return { container, step };
  });
  if (failed(done)) return done;
  return { status: done.step.status, headers: { ...stateHeaders(done.container), ...done.step.headers } };
}
