/**
 * Preloaded into the app's worker: makes writes and changes disappear, and holds the sweeps back. Outside the app, which
 * knows nothing of it.
 * - A document that is noted as {@link NEVER_WRITTEN} is left out of its transactional batch; the batch succeeds.
 * - A page of the change feed with a document that is noted as {@link PASSED_OVER} is not handled; the lease moves on.
 * - Timers do nothing before there is a file `repair` in the folder `HEADWATER_FAULT_DIR`.
 */
import { subscribe } from 'node:diagnostics_channel';
import { existsSync } from 'node:fs';
import type { ClientRequest } from 'node:http';
import { join } from 'node:path';
import { app } from '@azure/functions';

export const NEVER_WRITTEN = 'never written';
export const PASSED_OVER = 'passed over';

interface Operation {
  readonly operationType: string;
  readonly resourceBody?: { readonly pk?: string; readonly data?: { readonly note?: string } };
}

let skipped = 0;

/** Other items in the place of those that are to disappear, so that there are as many answers as operations. */
function withoutSkipped(body: string): string {
  const operations = (JSON.parse(body) as Operation[]).map((operation) =>
    operation.resourceBody?.data?.note === NEVER_WRITTEN
      ? {
          operationType: 'Upsert',
          resourceBody: { id: `x:${++skipped}`, pk: operation.resourceBody.pk, ttl: 9 },
        }
      : operation,
  );
  // The length was announced before.
  return JSON.stringify(operations).padEnd(Buffer.byteLength(body));
}

subscribe('http.client.request.created', (message) => {
  const { request } = message as { request: ClientRequest };
  if (!request.hasHeader('x-ms-cosmos-is-batch-request') || !request.path.includes('/colls/documents/'))
    return;
  const end = request.end.bind(request) as (...rest: unknown[]) => ClientRequest;
  request.end = ((body: unknown, ...rest: unknown[]) =>
    end(String(body).includes(NEVER_WRITTEN) ? withoutSkipped(String(body)) : body, ...rest)) as never;
});

type Trigger = (name: string, options: { handler: (...all: never[]) => unknown }) => void;

function replace(method: 'cosmosDB' | 'timer', skips: (input: unknown) => boolean): void {
  const register = app[method] as Trigger;
  const wrapped: Trigger = (name, options) =>
    register(name, {
      ...options,
      handler: (...all) => (skips(all[0]) ? undefined : options.handler(...all)),
    });
  Object.assign(app, { [method]: wrapped });
}

replace('cosmosDB', (items) => JSON.stringify(items).includes(`"note":"${PASSED_OVER}"`));
replace('timer', () => !existsSync(join(process.env['HEADWATER_FAULT_DIR'] ?? '', 'repair')));
