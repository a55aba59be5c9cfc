import { app } from '@azure/functions';
import type { UpkeepDeps } from '../activities/upkeep/deps';
import type { Config } from '../config';
import { createPurge } from '../triggers/upkeep/purge';
import { durableClient } from './http';

/** Registers what takes away that nobody needs any more. */
export function registerUpkeep({ purgeSchedule }: Config, deps: UpkeepDeps): void {
  app.timer('purge', { schedule: purgeSchedule, extraInputs: [durableClient], handler: createPurge(deps) });
}
