import { Problem } from '../../domain/problem';
import { choiceParameter, type Handler } from '../http';
import type { Accept } from './acceptance';
import type { TriggerDeps } from './deps';
import { dryRun } from './dryRun';
import { datasetOf, receive } from './reception';
import { receiveUpload } from './receiveUpload';

/**
 * `POST /api/datasets/{dataset}/batches`: accepts a batch and starts its orchestration; with `?upload=` one whose body
 * lies in an upload; with `?validate=only` nothing is stored, and the answer tells what would become of the records.
 */
export function createPostBatch(deps: TriggerDeps, accept: Accept): Handler {
  return async (request, context) => {
    const dataset = datasetOf(request, deps.schemas.all);
    const upload = request.query.get('upload');
    if (choiceParameter(request, 'validate', ['only'])) {
      if (upload !== null) throw noDryRun();
      return dryRun(deps, dataset, await receive(request, dataset, deps.config.limits));
    }
    return accept(request, context, dataset, () =>
      upload === null
        ? receive(request, dataset, deps.config.limits)
        : receiveUpload(request, dataset, upload, deps),
    );
  };
}

const noDryRun = (): Problem =>
  new Problem('invalid-parameter', 'An upload cannot be validated only: post a part of it as the body.', {
    parameter: 'validate',
  });
